"""A Python module as a child process that speaks JSON lines (vcam.engine.protocol).

One reader thread a child hands its events to a callback; whoever holds the child may send. Where
the system can tie a child's life to its parent's, the child does that itself when it starts; on
Linux the tie is to the *thread* that started it, so that thread must live as long as the child.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import vcam
from vcam.engine.protocol import Command, receive, send

_LOG_LIMIT_BYTES = 1_000_000


class Child:
    """A running child process.

    on_event: gets every message, on the reader thread, in order.
    on_end: called once when the child's pipe ends, on the same thread, after the last event. The
        process may need a moment more until it is gone.
    log: file (0600) that takes what the child prints.
    """

    def __init__(
        self,
        module: str,
        *,
        log: Path,
        on_event: Callable[[Any], None],
        on_end: Callable[[], None],
        arguments: Sequence[str] = (),
    ) -> None:
        with _open_log(log) as log_file:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", module, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log_file,
                env=child_environment(),
                # Ctrl-C in the terminal is for the daemon, which then stops its children in order.
                start_new_session=os.name == "posix",
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0)
                | getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )
        self._send_lock = threading.Lock()
        self._on_event, self._on_end = on_event, on_end
        self._reader = threading.Thread(target=self._read, name=f"read-{module}", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def send(self, command: Command) -> None:
        """Send a command; a child that is gone takes none, its end is told by `on_end`."""
        pipe = self._process.stdin
        assert pipe is not None  # noqa: S101 - asked for above
        with self._send_lock:
            try:
                send(pipe, command)
            except (OSError, ValueError):
                return

    def finish(self, timeout_s: float) -> int | None:
        """Close the child's input, wait, and kill it if it is still there.

        Returns: its exit status, negative for a signal; None if not even a kill ended it in time.
        """
        self._close_input(timeout_s)  # a hung child may hold a sender
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self) -> int | None:
        """End the child at once; returns as `finish` does."""
        self._process.kill()
        try:
            return self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            return None
        finally:
            self._close_input(1.0)

    def _close_input(self, timeout_s: float) -> None:
        pipe = self._process.stdin
        assert pipe is not None  # noqa: S101 - asked for above
        if self._send_lock.acquire(timeout=timeout_s):
            try:
                pipe.close()
            except OSError:
                pass  # the other side is gone, or its pipe is full
            finally:
                self._send_lock.release()

    def _read(self) -> None:
        pipe = self._process.stdout
        assert pipe is not None  # noqa: S101 - asked for above
        try:
            while (event := receive(pipe)) is not None:
                self._on_event(event)
        finally:
            self._on_end()
            pipe.close()


def describe_end(status: int | None) -> str:
    """An exit status in words: `ended with status 1`, `was ended by SIGSEGV`."""
    if status is None:
        return "did not end"
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"


def child_environment() -> dict[str, str]:
    """Ours, and the place this package was loaded from: a child finds the same code.

    `-P` keeps the current folder off the child's path, so a stray `numpy.py` beside a user's
    clip is not run.
    """
    root = Path(vcam.__file__).resolve().parents[1]
    if root == Path(sysconfig.get_path("purelib")).resolve():
        return dict(os.environ)  # installed: every interpreter of this environment finds it
    inherited = os.environ.get("PYTHONPATH")
    paths = [str(root), inherited] if inherited else [str(root)]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def _open_log(path: Path) -> Any:  # noqa: ANN401 - a binary file
    """Open a log to add to; one that has grown large becomes the `.old` one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        if path.stat().st_size > _LOG_LIMIT_BYTES:
            path.replace(path.with_suffix(".old.log"))
    except OSError:
        pass  # no log yet, or another system's lock on it: go on adding
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")
