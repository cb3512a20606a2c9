"""What `vcam run` shows while it runs: one live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import re
import shutil
import sys
import threading
from typing import TextIO

from vcam.daemon.status import Status

_ERASE = "\r\x1b[2K"


class StatusLine:
    """Sentences as they come, and below them on a terminal one line that is kept up to date.

    Where there is no terminal a line is printed when state or reason change, so that a log file
    stays readable.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._is_live = self._stream.isatty()
        self._line = ""
        self._said: set[str] = set()
        self._state = ""
        self._lock = threading.Lock()

    def say(self, sentence: str) -> None:
        """Print a sentence; from any thread."""
        with self._lock:
            self._said.add(_gist(sentence))
            self._write(f"{_ERASE if self._line else ''}{sentence}\n{self._line}")

    def show(self, status: Status) -> None:
        """Bring the line up to date, and say what is new."""
        for note in status["notes"]:
            if _gist(note) not in self._said:
                self.say(note)
        if self._is_live:
            columns = shutil.get_terminal_size().columns
            line = one_line(status)[: columns - 1]
            with self._lock:
                self._line = line
                self._write(f"{_ERASE}{line}")
        elif (state := f"{status['state']}: {_gist(status['reason'])}") != self._state:
            self._state = state
            self.say(f"{status['state']}: {status['reason']}")

    def end(self) -> None:
        """Take the line away."""
        with self._lock:
            if self._line:
                self._write(_ERASE)
            self._line = ""

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def one_line(status: Status) -> str:
    """State, rates, delay, drops, device, model and reference in one line."""
    engine, published = status["engine"], status["published"]
    if status["state"] in ("problem", "starting"):
        return f"{status['state']}: {status['reason']}"
    p50_ms, p95_ms = published["delay_ms"]
    return "  ".join(
        (
            status["state"],
            f"{engine['fps_in']:.0f} fps in, {engine['fps_out']:.0f} styled, "
            f"{published['fps']:.0f} out",
            f"delay {p50_ms:.0f} ms, p95 {p95_ms:.0f}",
            f"dropped {engine['dropped'] + published['dropped']}",
            engine["device"] or "-",
            engine["model"] or "-",
            status["reference"]["id"],
        )
    )


def _gist(sentence: str) -> str:
    """A sentence without its figures: the same news with other numbers is no news."""
    return re.sub(r"\d+(\.\d+)?", "#", sentence)
