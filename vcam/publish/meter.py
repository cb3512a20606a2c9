"""How the publisher is doing: rate and delay over the last two seconds."""

from __future__ import annotations

import threading
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

WINDOW_NS = 2_000_000_000
_REMEMBERED = 512
_NO_DELAY = -1


class Rates(NamedTuple):
    """fps: pictures sent in a second. Delays: from capture to sent, new frames only; 0 if none."""

    fps: float
    delay_p50_ms: float
    delay_p95_ms: float


class Meter:
    """Remembers the last sends in a ring that is never enlarged; any thread may ask."""

    def __init__(self) -> None:
        self._sent_ns: NDArray[np.int64] = np.zeros(_REMEMBERED, np.int64)
        self._delay_ns: NDArray[np.int64] = np.zeros(_REMEMBERED, np.int64)
        self._count = 0
        self._lock = threading.Lock()

    def sent(self, now_ns: int, captured_ns: int | None) -> None:
        """A picture went out; captured_ns is None for a repeat or a slate."""
        with self._lock:
            place = self._count % _REMEMBERED
            self._sent_ns[place] = now_ns
            self._delay_ns[place] = _NO_DELAY if captured_ns is None else now_ns - captured_ns
            self._count += 1

    def rates(self, now_ns: int) -> Rates:
        """Over the last two seconds, or over what is remembered if that is less."""
        with self._lock:
            filled = min(self._count, _REMEMBERED)
            sent_ns, delay_ns = self._sent_ns[:filled].copy(), self._delay_ns[:filled].copy()
        if not filled:
            return Rates(0.0, 0.0, 0.0)
        is_recent = sent_ns > now_ns - WINDOW_NS
        span_ns = min(WINDOW_NS, now_ns - int(sent_ns.min()))
        fps = float(is_recent.sum()) * 1e9 / span_ns if span_ns > 0 else 0.0
        delay_ns = delay_ns[is_recent & (delay_ns != _NO_DELAY)]
        if not len(delay_ns):
            return Rates(fps, 0.0, 0.0)
        p50_ns, p95_ns = np.percentile(delay_ns, (50, 95))
        return Rates(fps, float(p50_ns) / 1e6, float(p95_ns) / 1e6)
