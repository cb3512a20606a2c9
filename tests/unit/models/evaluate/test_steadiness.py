"""Steadiness: networks that follow, halve or ignore their input have known ratios."""

from __future__ import annotations

import pytest
import torch

from models.evaluate.steadiness import shake, shift

X = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1)) - 0.5
EVERYWHERE = torch.ones(1, 1, 64, 64)


def test_noise_is_passed_on_as_the_network_passes_it_on() -> None:
    """What gives its input trembles as it does (1), half of it half as much, a still none."""
    assert shake(lambda x: x, X, EVERYWHERE)["noise"] == pytest.approx(1.0)
    assert shake(lambda x: 0.5 * x, X, EVERYWHERE)["noise"] == pytest.approx(0.5)
    assert shake(lambda _: X, X, EVERYWHERE)["noise"] == 0.0


def test_only_the_face_is_shaken_and_only_where_it_counts() -> None:
    """Channels behind the face hold still; a tremble outside of what counts is not seen."""
    told = torch.cat((X, X, EVERYWHERE), 1)
    assert shake(lambda t: t[:, 3:6], told, EVERYWHERE)["noise"] == 0.0
    left = EVERYWHERE.clone()
    left[..., 32:] = 0
    assert shake(lambda t: t[:, :3] * (1 - left), told, left)["noise"] == 0.0


def test_a_shift_is_followed_or_stuck_to() -> None:
    """What moves along is 0, a picture that stays where it was is 1."""
    assert shake(lambda x: x, X, EVERYWHERE)["shift_half"] == pytest.approx(0.0, abs=1e-5)
    assert shake(lambda _: X, X, EVERYWHERE)["shift_quarter"] == pytest.approx(1.0, abs=1e-5)


def test_a_shift_goes_to_the_right_by_as_much() -> None:
    """A slope of 2 a pixel is 0.5 lower after a quarter of a pixel."""
    slope = (torch.arange(32.0) * 2).expand(1, 1, 32, 32)
    inner = (shift(slope, 0.25) - slope)[..., 4:-4]
    assert inner.flatten().tolist() == pytest.approx([-0.5] * inner.numel(), abs=1e-3)
