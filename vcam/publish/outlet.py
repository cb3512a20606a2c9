"""One sink as the publisher sees it: sent to, failing alone, opened again.

`Outlet` sends on the publisher's own thread. `SlowOutlet` has a thread and one place for a picture:
the newest replaces one that was not taken, so that an encoder never delays the camera.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from vcam.errors import ErrorRecord, SinkError
from vcam.frame.nouns import Pixels
from vcam.publish.sinks.base import Sink

_LOG = logging.getLogger(__name__)
_FIRST_RETRY_NS, _LAST_RETRY_NS = 1_000_000_000, 30_000_000_000

Reopen = Callable[[str], Sink]


@dataclass(frozen=True, slots=True)
class SinkStatus:
    """How a sink is doing.

    state: `open`, `retrying` (failed, to be opened again), `failed` (for good), `closed`.
    error: why it failed last; None once it takes pictures again.
    sent, dropped: pictures it took; pictures it never got.
    """

    name: str
    state: Literal["open", "retrying", "failed", "closed"]
    error: ErrorRecord | None
    sent: int
    dropped: int


class Outlet:
    """Sends to one sink and keeps its failures from everybody else.

    reopen: opens the sink of a name anew; asked after 1 s, then at twice the distance up to 30 s.
    """

    def __init__(self, sink: Sink, reopen: Reopen) -> None:
        self.name, self.keeps = sink.name, sink.keeps
        self._sink: Sink | None = sink
        self._reopen = reopen if sink.reopens else None
        self._error: ErrorRecord | None = None
        self._opened_ns: int | None = None
        self._retry_at_ns, self._retry_after_ns = 0, _FIRST_RETRY_NS
        self._sent = self._dropped = 0
        self._is_closed = False

    @property
    def is_lost(self) -> bool:
        """Whether it takes no picture any more and never will."""
        return self._sink is None and self._reopen is None

    def status(self) -> SinkStatus:
        """How the sink is doing."""
        if self._sink is not None:
            state = "open"
        elif self._is_closed and self._error is None:
            state = "closed"
        else:
            state = "retrying" if self._reopen and not self._is_closed else "failed"
        return SinkStatus(self.name, state, self._error, self._sent, self._dropped)

    def send(self, pixels: Pixels, at_ns: int) -> None:
        """Give the sink a picture, or try to get the sink back."""
        sink = self._sink or self._opened_again(at_ns)
        if sink is None:
            self._dropped += 1
            return
        self._opened_ns = at_ns if self._opened_ns is None else self._opened_ns
        try:
            sink.send(pixels, at_ns)
        except Exception as error:  # noqa: BLE001 - a driver may raise anything; the others go on
            self._fail(_as_sink_error(self.name, error), at_ns)
        else:
            self._sent += 1
            self._error = None

    def close(self) -> None:
        """Close the sink; what goes wrong is in its status."""
        self._is_closed = True
        self._let_go()

    def _fail(self, error: SinkError, at_ns: int) -> None:
        """Note why, let the sink go, and say when to try again."""
        if self._error is None:
            _LOG.warning("%s: %s", self.name, error.message)
        opened_ns = self._opened_ns
        if opened_ns is not None and at_ns - opened_ns > _LAST_RETRY_NS:
            self._retry_after_ns = _FIRST_RETRY_NS  # it had worked well for a while
        self._retry_at_ns = at_ns + self._retry_after_ns
        self._retry_after_ns = min(2 * self._retry_after_ns, _LAST_RETRY_NS)
        self._dropped += 1
        self._opened_ns = None
        self._let_go()
        self._error = error.record()

    def _opened_again(self, at_ns: int) -> Sink | None:
        if self._reopen is None or self._is_closed or at_ns < self._retry_at_ns:
            return None
        try:
            self._sink = self._reopen(self.name)
        except Exception as error:  # noqa: BLE001 - as in send
            self._fail(_as_sink_error(self.name, error), at_ns)
        return self._sink

    def _let_go(self) -> None:
        sink, self._sink = self._sink, None
        if sink is None:
            return
        try:
            sink.close()
        except Exception as error:  # noqa: BLE001 - as in send
            self._error = _as_sink_error(self.name, error).record()


class SlowOutlet(Outlet):
    """An outlet with a thread of its own, for sinks that may take longer than a frame."""

    def __init__(self, sink: Sink, reopen: Reopen, *, width: int, height: int) -> None:
        super().__init__(sink, reopen)
        self._waiting: Pixels = np.empty((height, width, 3), np.uint8)
        self._working: Pixels = np.empty((height, width, 3), np.uint8)
        self._waiting_at_ns: int | None = None
        self._is_ending = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name=f"sink {self.name}", daemon=True)
        self._thread.start()

    def send(self, pixels: Pixels, at_ns: int) -> None:
        """Leave a picture for the thread, in place of one it has not taken yet."""
        with self._changed:
            if self._waiting_at_ns is not None:
                self._dropped += 1
            np.copyto(self._waiting, pixels)
            self._waiting_at_ns = at_ns
            self._changed.notify()

    def close(self, timeout_s: float = 1.5) -> None:
        """Let the thread take what waits and close the sink; go without it if it does not end."""
        with self._changed:
            self._is_ending = True
            self._changed.notify()
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            late = SinkError(
                "sink-failed",
                f"{self.name} did not finish in time.",
                "its disk may be slow",
            )
            self._error = late.record()

    def _work(self) -> None:
        """Send what is left for it until told to end; the body of the thread."""
        while (at_ns := self._take()) is not None:
            super().send(self._working, at_ns)
        super().close()

    def _take(self) -> int | None:
        """Wait for a picture and make it the working one; None once there will be no more."""
        with self._changed:
            while self._waiting_at_ns is None:
                if self._is_ending:
                    return None
                self._changed.wait(1.0)
            self._waiting, self._working = self._working, self._waiting
            at_ns, self._waiting_at_ns = self._waiting_at_ns, None
            return at_ns


def _as_sink_error(name: str, error: Exception) -> SinkError:
    if isinstance(error, SinkError):
        return error
    _LOG.error("%s failed unexpectedly", name, exc_info=error)
    return SinkError(
        "sink-failed", f"{name} failed: {error or type(error).__name__}.", "report this as a bug"
    )
