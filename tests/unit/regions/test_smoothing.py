"""The One-Euro filter's two promises, and that it starts where it is put."""

from __future__ import annotations

import numpy as np

from vcam.regions.smoothing import OneEuro

FRAME_NS = 33_333_333


def test_a_resting_value_shivers_less() -> None:
    """Noise around a resting value comes out at less than half its size."""
    noise = np.random.default_rng(1).normal(0.0, 0.002, (300, 4))
    smooth = OneEuro(2.0, 40.0)
    out = np.array([smooth(value, k * FRAME_NS) for k, value in enumerate(noise)])
    assert out[30:].std() < 0.5 * noise[30:].std()


def test_a_moving_value_lags_little() -> None:
    """At one side a second the value trails by less than a fiftieth of a side."""
    smooth = OneEuro(2.0, 40.0)
    for k in range(60):
        goal = np.array([k / 30, 0.0, 0.0, 0.0])
        out = smooth(goal, k * FRAME_NS)
    assert abs(out[0] - goal[0]) < 0.02


def test_reset_forgets() -> None:
    """After a reset the next value is taken as it is."""
    smooth = OneEuro(2.0, 40.0)
    smooth(np.zeros(4), 0)
    smooth.reset()
    assert np.array_equal(smooth(np.ones(4), FRAME_NS), np.ones(4))
