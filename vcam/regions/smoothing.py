"""The One-Euro filter: steady when still, quick when it moves.

Source: Casiez, Roussel, Vogel, "1 Euro Filter", CHI 2012; here on a vector, one cut-off for all
of its components, so that they never drift apart.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


class OneEuro:
    """Low-pass whose cut-off rises with speed.

    min_cutoff_hz: smoothing at rest; lower is steadier. beta: how much a speed of one unit a
    second raises the cut-off; higher lags less. speed_cutoff_hz: smoothing of the speed itself.
    """

    def __init__(self, min_cutoff_hz: float, beta: float, speed_cutoff_hz: float = 1.0) -> None:
        self.min_cutoff_hz, self.beta, self.speed_cutoff_hz = min_cutoff_hz, beta, speed_cutoff_hz
        self._value: Vector | None = None
        self._speed: Vector = np.zeros(0)
        self._time_ns = 0

    def reset(self) -> None:
        """Forget the past: the next value is taken as it is."""
        self._value = None

    def __call__(self, value: Vector, time_ns: int) -> Vector:
        """The smoothed value at `time_ns`."""
        if self._value is None:
            self._value, self._speed, self._time_ns = value.copy(), np.zeros_like(value), time_ns
            return self._value
        elapsed_s = max(1e-3, (time_ns - self._time_ns) / 1e9)
        self._time_ns = time_ns
        speed = (value - self._value) / elapsed_s
        self._speed = self._speed + _share(self.speed_cutoff_hz, elapsed_s) * (speed - self._speed)
        cutoff_hz = self.min_cutoff_hz + self.beta * float(np.linalg.norm(self._speed))
        self._value = self._value + _share(cutoff_hz, elapsed_s) * (value - self._value)
        return self._value


def _share(cutoff_hz: float, elapsed_s: float) -> float:
    """How much of the new value a first-order low-pass takes."""
    return 1.0 / (1.0 + 1.0 / (2.0 * math.pi * cutoff_hz * elapsed_s))
