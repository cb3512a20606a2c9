"""What every child of the daemon does first: tie to its parent, no network, pipes, a heartbeat.

Runs first thing in `python -m vcam.engine` and `python -m vcam.engine.jobs`, before numpy, torch or
MediaPipe are loaded. Light.
"""

from __future__ import annotations

import ctypes
import faulthandler
import os
import shutil
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import IO, NamedTuple, TextIO

from vcam.engine.no_network import deny_network
from vcam.engine.protocol import Event, StatusEvent, send
from vcam.errors import VcamError

BEAT_S = 0.25

_PR_SET_PDEATHSIG = 1
_NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")
_NVIDIA_CUDA_DEVICE = Path("/dev/nvidia-uvm")


class Pipes(NamedTuple):
    """Where commands come from and events go to."""

    commands: IO[bytes]
    events: IO[bytes]


def begin() -> Pipes:
    """Make this process a child that ends with its parent and has no network.

    Standard output is kept for events alone: what native libraries print there goes to standard
    error, and if that is a terminal, both go to `engine.log` in the state folder.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    _end_with_parent()
    events = os.fdopen(os.dup(1), "wb")
    if os.isatty(2):
        divert_native_output()
    os.dup2(2, 1)
    faulthandler.enable()
    isolate()
    return Pipes(sys.stdin.buffer, events)


def isolate() -> None:
    """Take the network from this process, and make native libraries good neighbours.

    A call leaves no core idle, and threads that spin while they wait for each other then wait for
    the very threads they keep off the core: on two busy cores NumPy's 2 ms became 60, and torch's
    time doubled.
    """
    os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_WAIT_POLICY="PASSIVE")
    os.environ.update(GLOG_minloglevel="2", TF_CPP_MIN_LOG_LEVEL="2")
    load_nvidia_module()
    if not deny_network():
        note("this system offers no means to take the network from a process")


def load_nvidia_module() -> None:
    """Linux: have NVIDIA's kernel module for CUDA loaded, if the driver is there and it is not.

    CUDA does this itself at its first use, through a setuid helper; once the network is denied no
    helper gains rights any more, and the model would run on the CPU without anybody knowing why.
    """
    helper = shutil.which("nvidia-modprobe")
    if helper is None or not _NVIDIA_DRIVER.exists() or _NVIDIA_CUDA_DEVICE.exists():
        return
    try:
        subprocess.run([helper, "-u", "-c=0"], check=False, timeout=5.0)  # noqa: S603 - fixed words
    except (OSError, subprocess.TimeoutExpired) as error:
        note(f"NVIDIA's kernel module could not be loaded: {error}")


def divert_native_output() -> TextIO:
    """Point standard error at `engine.log`. Returns: the real one, for our own lines."""
    from vcam.config.folders import state_folder  # loads platformdirs, rarely needed here

    terminal = os.fdopen(os.dup(2), "w", buffering=1)
    log = os.open(state_folder() / "engine.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 2)
    os.close(log)
    return terminal


def note(text: str) -> None:
    """One line in the log."""
    sys.stderr.write(f"vcam: {text}\n")
    sys.stderr.flush()


def note_crash(error: BaseException) -> VcamError:
    """Put a mistake of ours in the log. Returns: what the user is told instead of a traceback."""
    sys.stderr.write("".join(traceback.format_exception(error)))
    sys.stderr.flush()
    said = (str(error).splitlines() or [""])[0][:200]
    return VcamError(
        "internal",
        f"vcam met an error of its own ({type(error).__name__}: {said}).",
        "the log in vcam's state folder has the details; please report them",
    )


class Speaker:
    """Says events to the daemon, from any thread.

    A daemon that is gone is not noticed here but at the end of standard input.
    """

    def __init__(self, events: IO[bytes]) -> None:
        self._events, self._one_at_a_time = events, threading.Lock()

    def __call__(self, event: Event) -> None:
        """Say one."""
        with self._one_at_a_time:
            try:
                send(self._events, event)
            except (OSError, ValueError):
                return


class Heartbeat:
    """Tells the status four times a second, on a thread of its own, from the first moment on.

    status: set once there is something to tell.
    """

    def __init__(self, say: Callable[[Event], None]) -> None:
        self.status: Callable[[], StatusEvent] = _starting
        self._say = say
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self._pause = threading.Event()
        self._thread.start()

    def _beat(self) -> None:
        while True:
            self._say(self.status())
            self._pause.wait(BEAT_S)


def _starting() -> StatusEvent:
    return StatusEvent(
        kind="status",
        stage="starting",
        fps_in=0.0,
        fps_out=0.0,
        dropped=0,
        no_face_ms=0.0,
        stages_ms={},
    )


def _end_with_parent() -> None:
    """Linux: be killed in the instant the thread that started us ends, even if Python hangs.

    Elsewhere the end of standard input does it, within a second.
    """
    if sys.platform.startswith("linux"):
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(_PR_SET_PDEATHSIG, *map(ctypes.c_ulong, (signal.SIGKILL, 0, 0, 0)))
