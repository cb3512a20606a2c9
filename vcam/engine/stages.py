"""How long each stage takes and how many frames a second pass: measured on the fly.

Each figure is written by one thread into a ring that was allocated at the start, and read by the
heartbeat four times a second.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

WINDOW_NS = 2_000_000_000
"""Figures speak of the last two seconds, unless a benchmark wants more."""

_FASTEST = 500  # frames a second that a ring has room for

LIVE_STAGES = ("read", "fit", "landmarks", "shape", "copy", "edit", "delay")
"""read: waiting for the source and decoding. fit: to the output size. landmarks: finding and
tracking the face. shape: masks and warps. copy: the frame into its slot. edit: encode, decode,
composite, upload and download. delay: from capture to publishing."""


class Ring:
    """The newest durations, each with the time it ended at."""

    def __init__(self, window_ns: int = WINDOW_NS) -> None:
        self._window_ns = window_ns
        self._at_ns = np.zeros(window_ns * _FASTEST // 1_000_000_000, np.int64)
        self._took_ns = np.zeros_like(self._at_ns)
        self._count = 0

    def add(self, at_ns: int, took_ns: int) -> None:
        """Note one; the oldest goes."""
        place = self._count % self._at_ns.size
        self._at_ns[place], self._took_ns[place] = at_ns, took_ns
        self._count += 1

    def quantiles_ms(self, now_ns: int) -> tuple[float, float] | None:
        """p50 and p95 of the window, in ms; None if nothing ended in it."""
        took_ns = self._took_ns[self._at_ns > now_ns - self._window_ns]
        if not self._count or not took_ns.size:
            return None
        p50, p95 = np.percentile(took_ns, (50, 95)) / 1e6
        return round(float(p50), 2), round(float(p95), 2)

    def per_second(self, now_ns: int) -> float:
        """How many ended a second, in the window."""
        at_ns = self._at_ns[self._at_ns > now_ns - self._window_ns]
        if not self._count or at_ns.size < 2:
            return 0.0
        return (at_ns.size - 1) * 1e9 / max(int(at_ns.max() - at_ns.min()), 1)


class StageTimes:
    """One ring for each stage; a stage is timed by one thread only."""

    def __init__(self, stages: Sequence[str] = LIVE_STAGES, window_ns: int = WINDOW_NS) -> None:
        self._rings = {stage: Ring(window_ns) for stage in stages}

    def add(self, stage: str, started_ns: int) -> int:
        """Note that a stage that began at `started_ns` ends now. Returns: now."""
        now_ns = time.monotonic_ns()
        self._rings[stage].add(now_ns, now_ns - started_ns)
        return now_ns

    def quantiles_ms(self, now_ns: int) -> dict[str, tuple[float, float]]:
        """p50 and p95 in ms of each stage that ran in the window."""
        found = ((stage, ring.quantiles_ms(now_ns)) for stage, ring in self._rings.items())
        return {stage: values for stage, values in found if values is not None}
