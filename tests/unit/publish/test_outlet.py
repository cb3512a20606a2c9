"""Outlets: a sink fails alone, comes back, and never holds the others up."""

import logging
import threading

import numpy as np
import pytest

from vcam.errors import SinkError
from vcam.publish.outlet import Outlet, SlowOutlet
from vcam.publish.sinks.array import ArraySink
from vcam.publish.sinks.base import Sink

S = 1_000_000_000
PIXELS = np.zeros((4, 4, 3), np.uint8)


class FlakySink(ArraySink):
    """Fails whenever its `error` is set."""

    reopens = True
    name = "flaky"

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__()
        self.error = error

    def send(self, pixels, at_ns):
        """Take it, or fail."""
        if self.error:
            raise self.error
        super().send(pixels, at_ns)


class OnceSink(FlakySink):
    """The same, and not worth opening again."""

    reopens = False
    name = "once"


def never(name: str) -> Sink:
    """Opening again is not expected."""
    raise AssertionError(name)


def refused(name: str) -> Sink:
    """Opening again fails."""
    raise SinkError("sink-busy", f"{name} is taken.", "end the other program")


@pytest.fixture(autouse=True)
def _quiet(caplog):
    caplog.set_level(logging.CRITICAL, "vcam.publish.outlet")


def test_a_healthy_sink_gets_every_picture():
    """What is sent arrives, and is counted."""
    sink = ArraySink()
    outlet = Outlet(sink, never)
    for i in range(3):
        outlet.send(PIXELS + i, i)
    outlet.close()
    assert [p[0, 0, 0] for p in sink.pictures] == [0, 1, 2]
    assert sink.is_closed
    status = outlet.status()
    assert (status.state, status.sent, status.dropped, status.error) == ("closed", 3, 0, None)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SinkError("sink-failed", "no space", "make some"), "sink-failed"),
        (ValueError("a driver's bug"), "sink-failed"),
    ],
)
def test_a_failure_is_recorded_and_the_sink_closed(error, code):
    """Whatever a sink raises becomes its status; nothing reaches the publisher."""
    sink = OnceSink(error)
    outlet = Outlet(sink, never)
    outlet.send(PIXELS, 0)
    outlet.send(PIXELS, 100 * S)
    status = outlet.status()
    assert sink.is_closed
    assert outlet.is_lost
    assert (status.state, status.dropped) == ("failed", 2)
    assert status.error is not None
    assert status.error["code"] == code


def test_a_lost_sink_is_opened_again_with_growing_patience():
    """Attempts come after 1, 2, 4, ... at most 30 s, and the sink is back when one succeeds."""
    attempts: list[float] = []
    back: list[FlakySink] = []

    def reopen(name: str) -> Sink:
        attempts.append(now_ns / S)
        if back:
            return back[0]
        return refused(name)

    outlet = Outlet(FlakySink(SinkError("sink-failed", "gone", "plug it in")), reopen)
    for now_ns in range(0, 100 * S, S // 10):
        outlet.send(PIXELS, now_ns)
    assert attempts == [1, 3, 7, 15, 31, 61, 91]
    assert outlet.status().state == "retrying"

    back.append(FlakySink())
    for now_ns in range(100 * S, 125 * S, S // 10):
        outlet.send(PIXELS, now_ns)
    assert attempts[-1] == 121
    assert outlet.status().state == "open"
    assert outlet.status().error is None
    assert len(back[0].pictures) == 40


def test_a_sink_that_opens_and_fails_at_once_is_not_hammered():
    """Opening well does not reset the patience; working well does."""
    attempts: list[int] = []

    def reopen(_: str) -> Sink:
        attempts.append(now_ns // S)
        return FlakySink(SinkError("sink-failed", "still broken", "none"))

    outlet = Outlet(FlakySink(SinkError("sink-failed", "broken", "none")), reopen)
    for now_ns in range(0, 65 * S, S):
        outlet.send(PIXELS, now_ns)
    assert attempts == [1, 3, 7, 15, 31, 61]


def test_an_error_in_closing_is_in_the_status():
    """A file that cannot be completed is not silently missing."""

    class BadEnd(ArraySink):
        def close(self):
            raise SinkError("sink-failed", "disk full", "make room")

    outlet = Outlet(BadEnd(), never)
    outlet.send(PIXELS, 0)
    outlet.close()
    status = outlet.status()
    assert status.state == "failed"
    assert status.error is not None
    assert status.error["message"] == "disk full"


class GatedSink(ArraySink):
    """Takes as long as a test wants: one picture for each release of `gate`."""

    may_block = True

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Semaphore(0)
        self.entered = threading.Semaphore(0)

    def send(self, pixels, at_ns):
        """Say that it has begun, wait, take it."""
        self.entered.release()
        assert self.gate.acquire(timeout=5)
        super().send(pixels, at_ns)


def test_a_slow_sink_gets_the_newest_and_never_blocks():
    """While it works on one picture, later ones replace each other, and are counted as dropped."""
    sink = GatedSink()
    outlet = SlowOutlet(sink, never, width=4, height=4)
    outlet.send(PIXELS, 0)
    assert sink.entered.acquire(timeout=5)  # it works on the first now
    for i in range(1, 10):
        outlet.send(PIXELS + i, i)
    for _ in range(2):
        sink.gate.release()
    outlet.close(5)
    assert [int(p[0, 0, 0]) for p in sink.pictures] == [0, 9]
    assert sink.times_ns == [0, 9]
    assert sink.is_closed
    assert outlet.status().dropped == 8


def test_a_sink_that_hangs_does_not_hold_up_the_end():
    """Closing gives up on a sink that never returns, and says so."""
    sink = GatedSink()
    outlet = SlowOutlet(sink, never, width=4, height=4)
    outlet.send(PIXELS, 0)
    assert sink.entered.acquire(timeout=5)
    outlet.close(0.05)
    status = outlet.status()
    assert status.error is not None
    assert "in time" in status.error["message"]
    sink.gate.release()
