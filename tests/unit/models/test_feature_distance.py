"""The feature distance: a distance, with gradients, and honest about its weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from models.feature_distance import POOLED_CHANNELS, FeatureDistance, FeatureWeightsError

# Of the picture and its two others, by efficientnet-lite-pytorch 0.1.0 with the same weights.
DISTANCES = [0.43988, 0.09527]
POOLED = [0.73116, -4.04837, 2.57736, -6.81874]


@pytest.fixture(scope="module")
def distance() -> FeatureDistance:
    """The network, made once."""
    return FeatureDistance()


def _picture() -> torch.Tensor:
    """Waves of three colours, [1, 3, 64, 64], -1..1: the same on every machine."""
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    return torch.stack((torch.sin(x / 5), torch.cos(y / 7), torch.sin((x + y) / 9)))[None]


def test_values_are_those_of_the_network_as_published(distance: FeatureDistance) -> None:
    """Distances and pooled features are those that the published network's code gives."""
    x = _picture()
    other = torch.cat((x.flip(1), x * 0.5))
    assert distance(x.expand(2, -1, -1, -1), other).tolist() == pytest.approx(DISTANCES, rel=1e-3)
    pooled = distance.pooled(x)
    assert pooled.shape == (1, POOLED_CHANNELS)
    assert pooled[0, :4].tolist() == pytest.approx(POOLED, abs=1e-3)


def test_gradients_flow_through_the_first_picture_alone(distance: FeatureDistance) -> None:
    """A picture equal to its goal is at distance 0; one step down the slope comes nearer."""
    goal = _picture()
    assert distance(goal, goal).item() == 0.0
    start = (goal * 0.5).requires_grad_()
    far = distance(start, goal.requires_grad_())
    far.sum().backward()
    assert goal.grad is None
    assert start.grad is not None
    with torch.no_grad():
        step = start - 1e-3 * start.grad / start.grad.abs().max()
    assert distance(step, goal).item() < far.item()


def test_wrong_weights_are_named(tmp_path: Path) -> None:
    """A missing file, a file that is none and another network's are refused with the cure."""
    with pytest.raises(FeatureWeightsError, match=r"absent\.pth.*pip install"):
        FeatureDistance(tmp_path / "absent.pth")
    (tmp_path / "page.pth").write_bytes(b"<html>")
    with pytest.raises(FeatureWeightsError, match=r"page\.pth.*pip install"):
        FeatureDistance(tmp_path / "page.pth")
    torch.save({"conv.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(FeatureWeightsError, match="another network"):
        FeatureDistance(tmp_path / "other.pth")
