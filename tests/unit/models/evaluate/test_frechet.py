"""Fréchet distance: of sets whose moments are known."""

from __future__ import annotations

import pytest
import torch

from models.evaluate.frechet import frechet_distance

SQUARE = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])  # covariance 4/3 I


def test_the_distance_is_that_of_the_normal_distributions() -> None:
    """Twice as wide and 3 aside: 9 + 2 * (4/3 + 16/3 - 2 * sqrt(4/3 * 16/3)) = 9 + 8/3."""
    other = 2 * SQUARE + torch.tensor([3.0, 0.0])
    assert frechet_distance(SQUARE, other) == pytest.approx(9 + 8 / 3)
    assert frechet_distance(other, SQUARE) == pytest.approx(9 + 8 / 3)


def test_covariances_that_do_not_commute_are_measured_right() -> None:
    """Against a line of variance v at 45 degrees the shared part is the overlap along it.

    C_b has rank one, v u u^T, so tr((C_a C_b)^(1/2)) = sqrt(v u^T C_a u).
    """
    wide = SQUARE * torch.tensor([3.0, 1.0])  # covariance diag(12, 4/3)
    line = torch.tensor([[-1.0, -1.0], [0.0, 0.0], [1.0, 1.0]])  # v = 2, u = (1, 1) / sqrt 2
    shared = (2 * (12 + 4 / 3) / 2) ** 0.5
    assert frechet_distance(wide, line) == pytest.approx(12 + 4 / 3 + 2 - 2 * shared)


def test_fewer_samples_than_features_are_enough() -> None:
    """A set is at distance 0 from itself in more dimensions than it has members; one is refused."""
    few = torch.randn(5, 40)
    assert frechet_distance(few, few.flip(0)) == pytest.approx(0.0, abs=1e-4)
    with pytest.raises(ValueError, match="two is the least"):
        frechet_distance(few[:1], few)
