"""Figures of the last two seconds."""

from __future__ import annotations

import time

import pytest

from vcam.engine.shared import FaceWatch
from vcam.engine.stages import WINDOW_NS, Ring, StageTimes

MS = 1_000_000


def test_quantiles_are_of_the_last_two_seconds():
    """p50 and p95 in ms; what is older than the window does not count, nor does silence."""
    ring = Ring()
    assert ring.quantiles_ms(0) is None
    now = 100 * WINDOW_NS
    ring.add(now - WINDOW_NS - 1, 900 * MS)
    for i in range(100):
        ring.add(now - i, (i + 1) * MS)
    assert ring.quantiles_ms(now) == pytest.approx((50.5, 95.05))
    assert ring.quantiles_ms(now + 2 * WINDOW_NS) is None


def test_rate_is_of_the_last_two_seconds():
    """Frames a second, right from the second frame on; 0 once they cease."""
    ring = Ring()
    now = 100 * WINDOW_NS
    ring.add(now, 0)
    assert ring.per_second(now) == 0.0
    for i in range(1, 61):
        ring.add(now + i * 20 * MS, 0)
    assert ring.per_second(now + 1200 * MS) == pytest.approx(50.0)
    assert ring.per_second(now + 1200 * MS + WINDOW_NS) == 0.0


def test_a_ring_never_grows():
    """A fast engine overwrites its oldest figures."""
    ring = Ring()
    now = 100 * WINDOW_NS
    for i in range(5000):
        ring.add(now + i, MS)
    assert ring.quantiles_ms(now + 5000) == (1.0, 1.0)


def test_stages_that_ran_are_told():
    """A stage is told by its name once it has run; adding returns the time for the next one."""
    times = StageTimes(("edit", "copy"))
    ended = times.add("edit", time.monotonic_ns() - 5 * MS)
    assert abs(time.monotonic_ns() - ended) < 1e9
    told = times.quantiles_ms(ended)
    assert set(told) == {"edit"}
    assert 5.0 <= told["edit"][0] < 1000.0


def test_a_face_is_missing_since_its_first_missed_frame():
    """By the frames' own time; a found face, or a long gap between frames, starts anew."""
    watch = FaceWatch()
    for captured_ns in (10 * MS, 50 * MS, 110 * MS):
        watch.missed(captured_ns)
    assert watch.missing_ns == 100 * MS
    watch.found()
    assert watch.missing_ns == 0
    watch.missed(200 * MS)
    assert 0 < watch.missing_ns < MS
    watch.missed(60_000 * MS)
    assert watch.missing_ns < MS
