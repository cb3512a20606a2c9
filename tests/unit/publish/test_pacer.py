"""The pacer, replayed against sources of many rates and habits.

Peers' cameras run 116 frames in the second after a stall, or fall ever further behind; and the
obvious rule (repeat one interval after the last) costs more than half an interval of delay as soon
as a camera jitters. Each replay below asks for rate, gaps and delay at once.
"""

from itertools import pairwise

import numpy as np
import pytest

from vcam.publish.pacer import Pacer

FPS = 30
INTERVAL_NS = round(1e9 / FPS)


class Replay:
    """What went out when frames arrived at the given times, on a thread that is never late."""

    def __init__(self, arrivals_ns: list[int], *, stall_ns: tuple[int, int] | None = None) -> None:
        self.sent_ns: list[int] = []
        self.delays_ns: list[int] = []  # of new frames
        pacer = Pacer(FPS, arrivals_ns[0])
        waiting_ns: int | None = None
        now_ns = arrivals_ns[0]
        coming = iter([*arrivals_ns, None])
        next_ns = next(coming)
        while next_ns is not None:
            due_ns = pacer.repeat_ns() if waiting_ns is None else pacer.new_ns(waiting_ns)
            due_ns = max(due_ns, now_ns)
            if next_ns <= due_ns:  # a newer frame replaces the one that waits
                waiting_ns = now_ns = next_ns
                next_ns = next(coming)
                continue
            now_ns = due_ns
            if stall_ns and stall_ns[0] <= now_ns < stall_ns[1]:
                now_ns = stall_ns[1]
            if waiting_ns is not None:
                self.delays_ns.append(now_ns - waiting_ns)
            waiting_ns = None
            self.sent_ns.append(now_ns)
            pacer.sent(now_ns)

    @property
    def gaps_ns(self) -> list[int]:
        """From each to the next."""
        return [b - a for a, b in pairwise(self.sent_ns)]

    @property
    def rate(self) -> float:
        """In the long run, frames a second."""
        return (len(self.sent_ns) - 1) / (self.sent_ns[-1] - self.sent_ns[0]) * 1e9

    def delay_ms(self, percent: float) -> float:
        """A percentile of the new frames' delay."""
        return float(np.percentile(self.delays_ns, percent)) / 1e6


def arrivals(
    fps: float, *, seconds: float = 60, jitter_ms: float = 0, lost: float = 0
) -> list[int]:
    """Times of a source's frames: late by some jitter, a share of them missing."""
    rng = np.random.default_rng(1)
    due = np.arange(int(seconds * fps)) * (1e9 / fps)
    times = due + np.abs(rng.normal(0, jitter_ms * 1e6, len(due)))
    times = times[rng.random(len(due)) >= lost]
    return [int(t) for t in np.maximum.accumulate(times)]


@pytest.mark.parametrize("jitter_ms", [0, 1, 5])
@pytest.mark.parametrize(
    "fps", [3, 10, 15, 20, 24, 27, 29, 29.97, 30, 30.0015, 30.03, 31, 45, 60, 200]
)
def test_rate_is_fps_for_every_source(fps, jitter_ms):
    """Whatever the source's rate, what goes out is `fps`, never more, at sane distances."""
    out = Replay(arrivals(fps, jitter_ms=jitter_ms))
    assert FPS - 0.02 <= out.rate <= FPS + 1.0 / 60  # one frame at the edge of the minute
    assert min(out.gaps_ns) >= INTERVAL_NS // 2
    assert max(out.gaps_ns) <= 2 * INTERVAL_NS
    for start in range(0, len(out.sent_ns) - FPS, 7):  # nor a burst in any one second
        assert out.sent_ns[start + FPS] - out.sent_ns[start] >= 1e9 - 1.5 * INTERVAL_NS


@pytest.mark.parametrize("fps", [29.97, 29.9985, 30, 30.0015, 30.03])
def test_a_camera_of_the_same_rate_is_not_delayed(fps):
    """Jitter of 2 ms and a clock that is a trifle off cost a frame next to no delay."""
    out = Replay(arrivals(fps, seconds=600, jitter_ms=2))
    assert out.delay_ms(50) < 0.1
    assert out.delay_ms(95) < 9


@pytest.mark.parametrize("fps", [15, 20, 24, 60, 200])
def test_other_rates_are_delayed_by_half_an_interval_at_most(fps):
    """A slower or faster source's frames wait half an interval at most, nearly all of them less."""
    out = Replay(arrivals(fps, jitter_ms=1))
    assert out.delay_ms(95) <= INTERVAL_NS / 2e6 + 0.01


def test_lost_frames_are_replaced_without_delaying_the_others():
    """One frame in thirty missing: the rate stays, and the frames that come are not delayed."""
    out = Replay(arrivals(30, jitter_ms=2, lost=0.03))
    assert abs(out.rate - FPS) < 0.02
    assert out.delay_ms(95) < 2


def test_no_burst_follows_a_stall():
    """After a thread stood still for 2 s nothing is made up for."""
    out = Replay(arrivals(60, seconds=10), stall_ns=(3_000_000_000, 5_000_000_000))
    after = [t for t in out.sent_ns if t >= 5_000_000_000]
    assert min(b - a for a, b in pairwise(after)) >= INTERVAL_NS // 2
    in_a_second = [t for t in after if t < 6_000_000_000]
    assert len(in_a_second) <= FPS + 1


def test_a_source_that_stops_is_repeated_at_the_full_rate():
    """Without any new frame the last one is repeated at `fps`."""
    pacer, now_ns = Pacer(FPS, 0), 0
    pacer.sent(0)
    gaps = []
    for _ in range(100):
        due_ns = pacer.repeat_ns()
        gaps.append(due_ns - now_ns)
        now_ns = due_ns
        pacer.sent(now_ns)
    assert gaps[0] == INTERVAL_NS + INTERVAL_NS // 2
    assert set(gaps[1:]) == {INTERVAL_NS}


def test_a_rate_of_nothing_is_refused():
    """A pacer needs a rate."""
    with pytest.raises(ValueError, match="above 0"):
        Pacer(0, 0)
