"""When the next frame is due.

In: when frames come and when they went out, in nanoseconds. Out: when the next one should go. One
small object on the given clock; the publisher thread waits for what it says.

Frames are counted against a grid of one interval. A frame that comes within half an interval of its
place on the grid goes out as it comes, so a camera's jitter costs no delay and no repeats; the grid
never advances by less than an interval a frame, so the long-run rate never exceeds `fps`.

Why not simply "repeat one interval after the last": a camera of the same nominal rate is late by a
millisecond every other time. Each time a repeat would go out just before the new frame, which then
had to wait for its turn: 18 ms of delay for every frame at 2 ms of jitter, against none here
(tests/unit/publish/test_pacer.py replays both).
"""

from __future__ import annotations


class Pacer:
    """Says when to send: new frames as they come, repeats when none came, never two at once.

    fps: frames a second, above 0. now_ns: the time of the first place on the grid.
    """

    def __init__(self, fps: float, now_ns: int) -> None:
        if fps <= 0:
            raise ValueError(f"fps must be above 0, not {fps}")
        self._interval_ns = round(1e9 / fps)
        self._half_ns = self._interval_ns // 2
        self._place_ns = now_ns
        self._not_before_ns = now_ns

    def repeat_ns(self) -> int:
        """When to send the last frame again if no new one comes: half an interval overdue."""
        return max(self._place_ns + self._half_ns, self._not_before_ns)

    def new_ns(self, arrived_ns: int) -> int:
        """When to send the newest frame, which came at `arrived_ns`.

        A source that runs ahead of the grid is brought back by leaving one frame out, once it is
        ahead by a quarter of an interval more than the half that is free: waiting for the grid
        instead would let the delay of a camera whose clock is a trifle fast grow to an interval.
        """
        earliest_ns = self._place_ns - self._half_ns
        if earliest_ns - arrived_ns > self._interval_ns // 4:
            return self.repeat_ns()
        return max(earliest_ns, self._not_before_ns)

    def sent(self, now_ns: int) -> None:
        """A frame went out. After a stall the grid begins anew: what was missed stays missed."""
        self._not_before_ns = now_ns + self._half_ns
        self._place_ns = max(self._place_ns, now_ns - self._half_ns) + self._interval_ns
