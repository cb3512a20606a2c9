"""What every test may use."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
import pytest

_REFERENCE_MS = 2.8  # a 512 x 512 float32 product on each of two idle cores at once


def _load() -> float:
    """How much slower than idle this machine is now, 1 or more, measured on two cores at once."""
    slowest: list[float] = []

    def work() -> None:
        a, product = np.ones((512, 512), np.float32), np.empty((512, 512), np.float32)
        times: list[float] = []
        for _ in range(8):
            began = time.perf_counter()
            np.dot(a, a, out=product)
            times.append(time.perf_counter() - began)
        slowest.append(sorted(times)[len(times) // 2] * 1e3)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return max(1.0, max(slowest) / _REFERENCE_MS)


@pytest.fixture
def deadline() -> Callable[[float], float]:
    """Promised seconds, stretched by how busy the machine is while the test runs.

    Measured when asked, and once more before: the busier of the two counts.
    """
    before = _load()
    return lambda seconds: seconds * max(before, _load())
