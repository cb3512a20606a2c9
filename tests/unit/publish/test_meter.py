"""The meter: rate and delay of the last two seconds."""

import pytest

from vcam.publish.meter import Meter

MS = 1_000_000
START = 1_000 * MS  # the monotonic clock's zero is not the program's


def test_rate_and_delay_are_of_the_last_two_seconds():
    """What is older than two seconds counts no more."""
    meter = Meter()
    for i in range(100):  # 2 s of 50 fps with 90 ms, then 2 s of 25 fps with 10 ms
        meter.sent(START + i * 20 * MS, START + i * 20 * MS - 90 * MS)
    for i in range(50):
        meter.sent(START + (2000 + i * 40) * MS, START + (2000 + i * 40 - 10) * MS)
    rates = meter.rates(START + 4000 * MS - 1)
    assert rates.fps == pytest.approx(25, rel=0.05)
    assert (rates.delay_p50_ms, rates.delay_p95_ms) == (10, 10)


def test_repeats_count_in_the_rate_and_not_in_the_delay():
    """A repeat is a picture sent, but says nothing about delay."""
    meter = Meter()
    for i in range(60):
        captured_ns = START + i * 20 * MS - 5 * MS if i % 2 else None
        meter.sent(START + i * 20 * MS, captured_ns)
    rates = meter.rates(START + 1200 * MS)
    assert rates.fps == pytest.approx(50, rel=0.05)
    assert rates.delay_p95_ms == 5


def test_a_fast_run_is_measured_over_what_is_remembered():
    """At a rate beyond what two seconds of memory hold, the rate is still right."""
    meter = Meter()
    for i in range(5000):
        meter.sent(START + i * MS, None)
    assert meter.rates(START + 5000 * MS).fps == pytest.approx(1000, rel=0.02)


def test_nothing_sent_is_no_rate():
    """Before the first picture, and two seconds after the last, all is zero."""
    meter = Meter()
    assert meter.rates(START) == (0, 0, 0)
    meter.sent(START, START)
    assert meter.rates(START + 3000 * MS) == (0, 0, 0)
