"""What every source of frames is, and the clock that live files run on."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Literal, Protocol

from vcam.frame import Pixels

SourceKind = Literal["camera", "clip", "picture", "demo"]

_LOST_TIME_NS = 1_000_000_000
"""A reader that comes later than this has stopped reading for a while: what it missed is gone."""


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What an open source gives.

    name: for people. width, height: of its pictures, in pixels, before the fit.
    fps: pictures a second, as the source itself says. spec: opens this very source again, even
        if `auto` or part of a name found it first.
    """

    kind: SourceKind
    name: str
    width: int
    height: int
    fps: float
    spec: str


class Source(Protocol):
    """Gives pictures, one after the other, and is closed once."""

    @property
    def info(self) -> SourceInfo:
        """What this source gives; stays the same while it is open."""
        ...

    def read(self) -> Pixels | None:
        """Wait for the next picture.

        Returns: RGB, `info.height` x `info.width`. No source writes into a picture it has handed
            over, and a source may hand over the same one again: whoever wants to change it
            copies it. None at the end in lockstep, and after `close`.
        Raises: SourceError if nothing more can come: `source-lost` (no picture from a camera for
            two seconds) or `source-damaged`.
        """
        ...

    def close(self) -> None:
        """Let go of the device or file; harmless a second time.

        May be called from another thread: a waiting `read` comes back at once.
        """
        ...


class Timeline:
    """When the pictures of a live clip are due.

    Starts with the first question. A reader that is late a little catches up; one that stayed
    away for more than a second goes on where it was, so nobody runs after lost time.
    """

    def __init__(self) -> None:
        self._origin_ns: int | None = None
        self._stopped = threading.Event()

    def lag_ns(self, media_ns: int) -> int:
        """How late the picture at `media_ns` of the clip is; negative while it is not yet due."""
        now_ns = time.monotonic_ns()
        if self._origin_ns is None:
            self._origin_ns = now_ns - media_ns
        lag_ns = now_ns - self._origin_ns - media_ns
        if lag_ns > _LOST_TIME_NS:
            self._origin_ns += lag_ns
            return 0
        return lag_ns

    def wait(self, duration_ns: int) -> bool:
        """Sleep, if the duration is positive; False as soon as the timeline is stopped."""
        return not self._stopped.wait(max(duration_ns, 0) / 1e9)

    def stop(self) -> None:
        """Wake whoever waits, for good."""
        self._stopped.set()

    @property
    def is_stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stopped.is_set()
