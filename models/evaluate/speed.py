"""How long one edit takes on a device."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch

_WARM_UP_RUNS, _RUNS = 3, 20


def edit_ms(run_once: Callable[[], object], device: torch.device) -> float:
    """Median of 20 runs in milliseconds, after three to warm up; each waits for the device."""
    times: list[float] = []
    for _ in range(_WARM_UP_RUNS + _RUNS):
        began_ns = time.perf_counter_ns()
        run_once()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        elif device.type == "mps":
            torch.mps.synchronize()
        times.append((time.perf_counter_ns() - began_ns) / 1e6)
    return statistics.median(times[_WARM_UP_RUNS:])
