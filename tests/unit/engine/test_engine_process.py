"""The engine as a process: it speaks from the start, and ends with its daemon."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest

from vcam.config.library import ReferenceLibrary
from vcam.config.settings import Layer, Settings
from vcam.frame import Look
from vcam.frame.slots import FrameSlots

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the tie is Linux's")
SETTINGS = {
    "kind": "settings",
    "revision": 1,
    "settings": Settings(source="/nowhere/clip.mp4").model_dump(mode="json"),
}

DAEMON = """
    import json, subprocess, sys, time
    child = subprocess.Popen(
        [sys.executable, "-m", "vcam.engine"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    child.stdin.write(sys.argv[1].encode() + b"\\n")
    child.stdin.flush()
    while json.loads(child.stdout.readline()).get("stage") == "starting":
        pass
    print(child.pid, flush=True)
    time.sleep(30)
"""


@pytest.fixture
def environment(tmp_path, monkeypatch):
    """State and run-time files in a folder of the test's."""
    monkeypatch.setenv("VCAM_HOME", str(tmp_path))


@pytest.fixture
def engine(environment):
    """`python -m vcam.engine`, killed afterwards if need be."""
    with subprocess.Popen(
        [sys.executable, "-m", "vcam.engine"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        yield process
        process.kill()


def say(process, message) -> None:
    """Send a command."""
    process.stdin.write(json.dumps(message).encode() + b"\n")
    process.stdin.flush()


def hear(process, kind):
    """Events up to the first of a kind."""
    for line in process.stdout:
        event = json.loads(line)
        if event["kind"] == kind:
            return event
    raise AssertionError(f"the engine ended without {kind!r}")


def is_over(process) -> bool:
    """Whether a process runs no more, even if nobody has collected it yet."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_importing_the_engines_words_is_light():
    """The daemon can speak with the engine without loading numpy, OpenCV or torch."""
    code = "import sys, vcam.engine.protocol; print({'numpy', 'cv2', 'torch'} & set(sys.modules))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert said.stdout.strip() == "set()"


def test_the_heart_beats_from_the_start(engine):
    """Before any command the status tells that the engine is starting."""
    assert hear(engine, "status")["stage"] == "starting"
    assert hear(engine, "status")["kind"] == "status"


@pytest.mark.parametrize("is_loading", [False, True])
def test_the_end_of_its_input_ends_it(engine, is_loading):
    """A daemon that is gone means the end within a second, also in the midst of loading."""
    hear(engine, "status")
    if is_loading:
        say(engine, SETTINGS)
        while hear(engine, "status")["stage"] == "starting":
            pass
    began = time.monotonic()
    engine.stdin.close()
    assert engine.wait(5) == 0
    assert time.monotonic() - began < 1.0


def test_told_to_stop_it_ends_with_status_0(engine):
    """`stop` is obeyed within a second, and only events came out of standard output."""
    hear(engine, "status")
    say(engine, SETTINGS)
    began = time.monotonic()
    say(engine, {"kind": "stop"})
    assert engine.wait(10) == 0
    assert time.monotonic() - began < 3.0  # it may still have had to load what reads settings
    assert all(json.loads(line)["kind"] for line in engine.stdout)


def test_the_real_rooms_style_a_picture(engine, tmp_path):
    """With the shipped model and faces a picture comes out styled, and only there, in lockstep.

    On Linux no thread of the engine, the native libraries' among them, has the network.
    """
    shipped = ReferenceLibrary(tmp_path)
    source, other = (shipped.picture_path(card.id) for card in shipped.cards()[:2])
    settings = Settings(
        source=str(source), sinks=("null",), layers=(Layer(reference=other.stem),), strength=1.0
    )
    say(engine, {**SETTINGS, "settings": settings.model_dump(mode="json")})
    opened = hear(engine, "source")
    slots = FrameSlots.create(opened["width"], opened["height"])
    size = {"width": slots.width, "height": slots.height}
    say(engine, {"kind": "slots", "name": slots.name, **size})
    hear(engine, "frame")
    before = cv2.imread(str(source), cv2.IMREAD_COLOR_RGB)
    after = np.zeros_like(before, np.uint8)
    frame = slots.read_newest(after, after_edited_ns=0)
    assert frame is not None
    assert (frame.seq, frame.look, frame.revision) == (0, Look.STYLED, 1)
    changed = (after != before).any(2)
    nose_x, nose_y = map(round, shipped.landmarks(source.stem)[1])
    assert changed[nose_y - 40 : nose_y + 40, nose_x - 40 : nose_x + 40].mean() > 0.5
    assert not changed[0].any()
    assert not changed[-1].any()
    if sys.platform.startswith("linux"):
        threads = list(Path(f"/proc/{engine.pid}/task").glob("*/status"))
        assert len(threads) > 2
        assert all("Seccomp:\t2" in thread.read_text() for thread in threads)
    say(engine, {"kind": "taken", "seq": 0})
    assert hear(engine, "ended")["error"] is None
    assert engine.wait(5) == 0
    slots.close()


@linux
def test_it_dies_with_its_daemon(environment):
    """Kill -9 on the parent ends the engine within a second, whatever it is doing."""
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(DAEMON), json.dumps(SETTINGS)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as daemon:
        assert daemon.stdout is not None
        engine = psutil.Process(int(daemon.stdout.readline() or b"0"))
        daemon.kill()
        began = time.monotonic()
        while not is_over(engine):
            assert time.monotonic() - began < 1.0
            time.sleep(0.01)


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ({"kind": "settings", "revision": 1, "settings": {"sizes": 1}}, "setting-unknown"),
        ({"kind": "slots", "name": "x", "width": 1, "height": 1}, "internal"),
    ],
)
def test_what_it_cannot_obey_is_its_last_word(engine, command, code):
    """A command that makes no sense ends it with a reason and status 1; tracebacks are logged."""
    say(engine, command)
    ended = hear(engine, "ended")
    assert ended["error"]["code"] == code
    assert engine.wait(5) == 1
    assert (b"Traceback" in engine.stderr.read()) == (code == "internal")
