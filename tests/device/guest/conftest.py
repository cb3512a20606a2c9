"""Tests that need V4L2 devices: run in the guest kernel, reported here.

Outside the guest, the first of these tests boots it once, all that were selected run inside, and
their reports come back as if they had run here. Inside, fixtures play the programs around vcam:
a feed for the webcam, a writer that is killed, readers.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

INSIDE = os.environ.get("TESTBED") == "1"
HERE = Path(__file__).parent
ROOT = HERE.parents[2]
RUN = HERE.parent / "testbed" / "run.sh"
WEBCAM, OUTPUT = "/dev/video0", "/dev/video10"
LIMIT_S = 480
_REPORTS = "VCAM_GUEST_REPORTS"
_NEEDED = ("tar", "xz", "setsid", "ffmpeg", "v4l2-ctl")
_HIDDEN = ("/tmp", "/var/tmp", "/run")  # the guest's own; what we need from there is named


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests of this folder need devices."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("device")


# ---- outside: the guest's reports stand for running the tests -----------------------------------


class Guest:
    """One boot, all selected tests, and what was reported of each."""

    def __init__(self, session: pytest.Session, folder: Path) -> None:
        self.reason = self._cannot_boot()
        self.log = ""
        self._lines: list[dict[str, Any]] = []
        if not self.reason:
            self._run(session, folder)

    def _cannot_boot(self) -> str:
        if sys.platform != "linux" or platform.machine() != "x86_64":
            return "the guest kernel runs on x86-64 Linux only"
        missing = [name for name in _NEEDED if shutil.which(name) is None]
        return f"missing programs: {', '.join(missing)}" if missing else ""

    def _run(self, session: pytest.Session, folder: Path) -> None:
        ids = [item.nodeid for item in session.items if HERE in item.path.parents]
        needed = {str(ROOT), sys.prefix, sys.base_prefix}
        shown = [option for path in needed if path.startswith(_HIDDEN) for option in ("--ro", path)]
        command = [
            *(str(RUN), "--rw", str(folder), *shown, "--mem", "4G", "--timeout", str(LIMIT_S)),
            *("--env", f"{_REPORTS}={folder / 'reports'}", "--env", "PYTHONDONTWRITEBYTECODE=1"),
            *("--", sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *ids),
        ]
        done = subprocess.run(
            command,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=LIMIT_S + 60,
        )
        self.log = f"the guest ended with {done.returncode}:\n{done.stdout[-6000:]}"
        if done.returncode == 125:  # run.sh's own failure: no kernel for this machine
            self.reason = f"the guest kernel does not boot: {done.stdout[-300:]}"
        elif (folder / "reports").exists():
            self._lines = [*map(json.loads, (folder / "reports").read_text().splitlines())]

    def reports(self, item: pytest.Item) -> list[pytest.TestReport]:
        """What the guest said of a test; one failure with its log if it said nothing."""
        read = item.config.hook.pytest_report_from_serializable
        mine = [line for line in self._lines if line.get("nodeid") == item.nodeid]
        if mine:
            return [read(config=item.config, data=line) for line in mine]
        where = str(item.path), item.location[1] or 0, f"Skipped: {self.reason}"
        outcome, told = ("skipped", where) if self.reason else ("failed", self.log)
        report = pytest.TestReport(
            item.nodeid, item.location, dict(item.keywords), outcome, told, "setup"
        )
        return [report]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> bool | None:
    """Outside, report what happened inside; tests of other folders are none of ours."""
    if INSIDE or HERE not in item.path.parents:
        return None
    guest = item.session.stash.get(GUEST, None)
    if guest is None:
        factory: pytest.TempPathFactory = item.config._tmp_path_factory  # type: ignore[attr-defined]
        guest = item.session.stash[GUEST] = Guest(item.session, factory.mktemp("guest"))
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in guest.reports(item):
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


GUEST = pytest.StashKey[Guest]()


# ---- inside -------------------------------------------------------------------------------------


class _Reporter:
    """Writes each report down for the machine outside."""

    def __init__(self, config: pytest.Config, path: Path) -> None:
        self._config, self._path = config, path

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        data = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
        with self._path.open("a") as file:
            file.write(json.dumps(data) + "\n")


def pytest_configure(config: pytest.Config) -> None:
    """Inside, keep the reports."""
    if INSIDE and _REPORTS in os.environ:
        config.pluginmanager.register(_Reporter(config, Path(os.environ[_REPORTS])))


def told(process: subprocess.Popen[str]) -> SimpleNamespace:
    """What a script said in the end."""
    out, err = process.communicate(timeout=60)
    assert out, err
    return SimpleNamespace(**json.loads(out))


class Programs:
    """The programs around vcam; whatever still runs is killed after the test."""

    def __init__(self) -> None:
        self._running: list[subprocess.Popen[str]] = []

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Start a program, with pipes for input and output."""
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            command,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            text=True,
            errors="replace",  # some write pictures
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        self._running.append(process)
        return process

    def script(self, name: str, *arguments: object) -> subprocess.Popen[str]:
        """Start one of the scripts beside this file."""
        path = HERE / "scripts" / f"{name}.py"
        return self.start(sys.executable, str(path), *map(str, arguments))

    def write(
        self,
        device: str = OUTPUT,
        *,
        width: int = 640,
        height: int = 480,
        fps: int = 30,
        clip: Path | None = None,
    ) -> subprocess.Popen[str]:
        """A publisher of numbered frames; returns once it has the device.

        On the WEBCAM with a clip of somebody it plays the webcam: the numbers are above the face,
        where no edit reaches, and arrive at the virtual camera.
        """
        process = self.script("write", device, width, height, fps, *([clip] if clip else []))
        assert process.stdout is not None
        first = process.stdout.readline()
        assert first == "open\n", process.communicate()
        return process

    def reader(self, device: str = OUTPUT, frames: int = 30) -> subprocess.Popen[str]:
        """A program that reads so many frames; returns once it has the first."""
        process = self.script("read", device, frames)
        assert process.stdout is not None
        first = process.stdout.readline()
        assert first == "reading\n", process.communicate()
        return process

    def read(self, device: str = OUTPUT, frames: int = 30) -> SimpleNamespace:
        """What a call's program sees; the fields are read.py's."""
        return told(self.reader(device, frames))

    def end(self) -> None:
        """Kill what still runs."""
        for process in self._running:
            process.kill()
        for process in self._running:
            process.communicate()


@pytest.fixture
def programs() -> Iterator[Programs]:
    """Start programs around vcam."""
    made = Programs()
    yield made
    made.end()


@pytest.fixture
def wait_for() -> Callable[..., None]:
    """Wait until something is true."""

    def wait(claim: Callable[[], object], timeout_s: float = 20) -> None:
        end_s = time.monotonic() + timeout_s
        while not claim():
            assert time.monotonic() < end_s, "waited in vain"
            time.sleep(0.05)

    return wait
