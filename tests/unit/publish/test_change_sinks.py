"""Sinks that come and go while the publisher runs."""

import time

import numpy as np

from vcam.publish.gate import Situation, SlateText
from vcam.publish.publisher import CLOSING, Publisher
from vcam.publish.sinks.array import ArraySink
from vcam.publish.slate import Slate

WIDTH, HEIGHT = 64, 48


class NamedSink(ArraySink):
    """An array sink of its own name."""

    def __init__(self, name):
        super().__init__()
        self.name = name


def wait_for(claim):
    """Wait until something is true."""
    end_s = time.monotonic() + 5
    while not claim():
        assert time.monotonic() < end_s, "waited in vain"
        time.sleep(0.002)


def test_sinks_change_while_it_runs():
    """A kept sink goes on, a new one begins, and the left one ends with the closing slate."""
    kept, left, new = NamedSink("kept"), NamedSink("left"), NamedSink("new")
    closing = Slate(WIDTH, HEIGHT).picture(CLOSING)
    publisher = Publisher(WIDTH, HEIGHT, 100, [kept, left], Situation(SlateText("Starting")))
    publisher.start()
    try:
        wait_for(lambda: left.pictures)
        publisher.change_sinks(keep=["kept"], add=[new])
        wait_for(lambda: new.pictures and left.is_closed)
        assert [sink.name for sink in publisher.stats().sinks] == ["kept", "new"]
        assert np.array_equal(left.pictures[-1], closing)
        assert not np.array_equal(kept.pictures[-1], closing)
        assert not kept.is_closed
    finally:
        assert publisher.stop(5)
    assert np.array_equal(new.pictures[-1], closing)
    assert kept.is_closed
    assert new.is_closed
