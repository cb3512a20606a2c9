"""Masks of regions: as large as their polygons, soft, and where the part is."""

from __future__ import annotations

import random

import pytest
import torch
from torch import Tensor

from models import mesh
from models.training.faces import FaceBank
from models.training.regions import (
    REGIONS,
    fill_polygons,
    random_masks,
    region_masks,
    soften,
    widen_mask,
)


@pytest.fixture(scope="module")
def landmarks(bank: FaceBank) -> Tensor:
    """Of four faces."""
    return bank.landmarks


@pytest.mark.parametrize("side", [128, 256])
def test_a_polygon_covers_its_area(side: int) -> None:
    """A rectangle is as large as it is, a triangle nearly, a hole of a crossing outline is none."""
    x0, y0, x1, y1 = 19.5, 39.5, 119.5, 99.5  # along the edges of cells
    rectangle = torch.tensor([[[x0, y0], [x1, y0], [x1, y1], [x0, y1]]])
    cell = (256 / side) ** 2
    filled = fill_polygons(rectangle, side)
    assert filled.shape == (1, 1, side, side)
    assert float(filled.sum()) * cell == 6000
    assert set(filled.unique().tolist()) == {0.0, 1.0}
    assert bool(filled[0, 0, round(70 / 256 * side), round(70 / 256 * side)] == 1)
    triangle = torch.tensor([[[20.0, 30.0], [220.0, 30.0], [20.0, 230.0]]])
    assert float(fill_polygons(triangle, side).sum()) * cell == pytest.approx(20000, rel=0.02)
    twice = torch.cat((rectangle, rectangle), 1)  # run round two times: outside again
    assert float(fill_polygons(twice, side).sum()) == 0


@pytest.mark.parametrize("region", [name for name in REGIONS if name != "box"])
def test_a_region_lies_on_its_part(region: str, landmarks: Tensor) -> None:
    """Masks are 0 to 1, whole in the middle of each contour, none at the crop's corners."""
    masks = region_masks(landmarks, region, REGIONS[region].growth[1], 1.0)
    assert masks.shape == (4, 1, 256, 256)
    assert 0.0 <= float(masks.min()) < 1e-6
    assert 0.9 < float(masks.max()) <= 1 + 1e-6
    corners = masks[..., [0, 0, -1, -1], [0, -1, 0, -1]]
    assert float(corners.max()) == 0
    for contour in REGIONS[region].contours:
        x, y = landmarks[:, list(contour)].mean(1).round().long().unbind(1)
        near = torch.stack([masks[torch.arange(4), 0, y + j, x] for j in range(-4, 5)])
        assert float(near.amax(0).min()) > 0.9  # a brow is thin and bent about its centre


def test_eyes_and_brows_are_one_with_the_lids_between(landmarks: Tensor) -> None:
    """Half way from the upper lid to the brow is in the region that has both."""
    masks = region_masks(landmarks, "eyes and brows", 1.2, 1.5)
    for lid, brow in ((159, 52), (386, 282)):
        x, y = landmarks[:, [lid, brow]].mean(1).round().long().unbind(1)
        assert float(masks[torch.arange(4), 0, y, x].min()) > 0.95
    for eye in (mesh.RIGHT_EYE, mesh.LEFT_EYE):
        x, y = landmarks[:, list(eye)].mean(1).round().long().unbind(1)
        assert float(masks[torch.arange(4), 0, y, x].min()) > 0.95


def test_growth_is_of_length(landmarks: Tensor) -> None:
    """Twice as long each way is four times the area; each face has its own growth."""
    areas = [region_masks(landmarks, "mouth", growth, 1.0).sum((1, 2, 3)) for growth in (0.7, 1.4)]
    assert torch.allclose(areas[1] / areas[0], torch.tensor(4.0), rtol=0.1)
    own = region_masks(landmarks, "mouth", torch.tensor([0.7, 1.4, 0.7, 1.4]).view(4, 1, 1), 1.0)
    expected = torch.stack((areas[0][0], areas[1][1], areas[0][2], areas[1][3]))
    assert torch.allclose(own.sum((1, 2, 3)), expected, rtol=1e-4)


def test_random_masks_are_of_all_kinds(landmarks: Tensor) -> None:
    """Many draws give small and large, hard and soft regions, and the same seeds the same ones."""
    torch.manual_seed(0)
    choice = random.Random(0)
    masks = torch.stack([random_masks(landmarks, choice) for _ in range(24)])
    assert float(masks.min()) >= 0
    assert float(masks.max()) <= 1 + 1e-6
    shares = masks.mean((1, 2, 3, 4))
    assert float(shares.min()) < 0.02
    assert float(shares.max()) > 0.15
    steepness = (masks.diff(dim=-1).abs()).amax((1, 2, 3, 4))
    assert float(steepness.min()) < 0.12
    assert float(steepness.max()) > 0.2
    torch.manual_seed(0)
    assert torch.equal(random_masks(landmarks, random.Random(0)), masks[0])


def test_the_correction_is_shown_a_little_beyond_the_mask() -> None:
    """A widened mask is nowhere less than its mask's plateau, and ends some pixels beyond it."""
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., 20:44, 20:44] = 1
    wide = widen_mask(mask)
    assert float(wide[0, 0, 32, 20]) > 0.8  # at the edge itself
    assert 0 < float(wide[0, 0, 32, 14]) < 0.5
    assert float(wide[0, 0, 32, 3]) == 0
    assert float(soften(torch.ones(1, 1, 9, 9), 3.0).min()) == pytest.approx(1, abs=1e-6)
