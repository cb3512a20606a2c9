"""The whole program as a user starts it, with real weights: what they see, and whom it calls.

One run under a system-call trace serves both: the page in a browser, a reference added, and half a
minute of every process's network calls. With VCAM_SCREENSHOTS set to a folder the screenshot is
kept there.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.weights import built_in_names
from tests.browser.chromium import find_browser, open_browser
from vcam.client import Client
from vcam.config.library import ReferenceLibrary
from vcam.edit.graphics import find_graphics
from vcam.errors import DaemonError

STRACE = shutil.which("strace")
TRACED = "socket,connect,bind,sendto,sendmsg,sendmmsg"
START_S = 120.0
TRACE_S = 30.0

pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.skipif(find_browser() is None, reason="no Chromium with chromedriver here"),
    pytest.mark.skipif(not STRACE, reason="no strace here"),
]


@dataclass
class Run:
    """A running vcam."""

    client: Client
    process: subprocess.Popen[bytes]
    trace: Path
    began_s: float


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """`vcam run` as on a machine without camera and driver, traced, at a size a CPU can follow."""
    home = tmp_path_factory.mktemp("home")
    os.environ["VCAM_HOME"] = str(home)
    trace, log = home / "trace", (home / "run.log").open("wb")
    command = [sys.executable, "-m", "vcam", "run", "--source", "demo", "--sink", "preview"]
    traced = [str(STRACE), "-f", "-qq", "-o", str(trace), "-e", f"trace={TRACED}", *command]
    process = subprocess.Popen([*traced, "--no-tray"], stdout=log, stderr=log)
    found = Run(Client(), process, trace, time.monotonic())
    wait_for(lambda: _status(found).get("state") == "styled", (home / "run.log").read_text)
    yield found
    if process.poll() is None:
        subprocess.run(["pkill", "-TERM", "-P", str(process.pid)], check=False)
        process.wait(20)
    log.close()
    del os.environ["VCAM_HOME"]


def wait_for(claim: Callable[[], bool], explain: Callable[[], str] = str) -> None:
    """Wait until something is true."""
    end_s = time.monotonic() + START_S
    while not claim():
        assert time.monotonic() < end_s, explain()
        time.sleep(0.2)


def _status(run: Run) -> dict[str, object]:
    try:
        return run.client.status()
    except DaemonError:
        assert run.process.poll() is None, "vcam has ended"
        return {}


def face_lightness(png: bytes) -> float:
    """Mean lightness of the preview's middle, where the presenter's cheeks and nose are."""
    picture = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    height, width = picture.shape
    top, left = int(0.44 * height), int(0.47 * width)
    return float(picture[top : top + height // 8, left : left + width // 16].mean())


def test_the_page_shows_the_presenter_styled(run: Run, tmp_path: Path) -> None:
    """On a machine without camera and driver a user sees the demo presenter wear another face.

    The harlequin's white face, in its own palette, makes the dark cheeks light.
    """
    with open_browser() as browser:
        browser.get(run.client.open_page_url())
        preview = browser.find_element("id", "preview")
        wait_for(lambda: browser.find_element("id", "state").text == "styled")
        run.client.change(bypass=True)
        wait_for(lambda: 20 < face_lightness(preview.screenshot_as_png) < 140)
        own = face_lightness(preview.screenshot_as_png)
        run.client.change(bypass=False, reference="pia", tone=1.0, strength=1.0)
        wait_for(lambda: face_lightness(preview.screenshot_as_png) > own + 50)
        folder = Path(os.environ.get("VCAM_SCREENSHOTS") or tmp_path)
        browser.save_screenshot(str(folder / "presenter.png"))


@pytest.mark.skipif(bool(find_graphics().kind), reason="this machine has a graphics card")
def test_without_a_card_the_small_model_runs(run: Run) -> None:
    """What the other tests here see is the small model's work, wherever its weights are shipped."""
    is_shipped = "face256-lite" in built_in_names()
    status = run.client.status()
    assert status["engine"]["model"] == ("face256-lite" if is_shipped else "face256")
    assert any("raphics card" in note for note in status["notes"])


def test_nothing_but_loopback_is_ever_called(run: Run) -> None:
    """In half a minute of page, engine and jobs at work no process calls another machine."""
    library = ReferenceLibrary()
    added = run.client.add_reference(library.picture_path("kenji"))
    assert added["id"]
    time.sleep(max(0.0, TRACE_S - (time.monotonic() - run.began_s)))
    lines = run.trace.read_text(errors="replace").splitlines()
    addresses = re.compile(r'inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)"')
    called = {a or b for line in lines for a, b in addresses.findall(line)}
    assert "127.0.0.1" in called, "the trace saw nothing: not even our own page"
    assert called <= {"127.0.0.1", "::1"}
    processes = {line.split(maxsplit=1)[0] for line in lines}
    assert len(processes) > 2, "the children were not traced"


def test_a_real_engine_ends_in_time(run: Run, deadline: Callable[[float], float]) -> None:
    """SIGTERM: slate, sinks closed, exit 0 within two seconds, with model and MediaPipe at work."""
    children = subprocess.run(
        ["pgrep", "-P", str(run.process.pid)], capture_output=True, text=True, check=True
    )
    began_s = time.monotonic()
    os.kill(int(children.stdout.split()[0]), signal.SIGTERM)
    status = run.process.wait(30)
    took_s = time.monotonic() - began_s
    assert status == 0
    assert took_s < deadline(2.0)
