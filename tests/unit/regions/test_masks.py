"""Masks on a real face mesh."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from models import mesh
from models.crop import crop_matrix, transform_points
from vcam.config.settings import REGIONS
from vcam.frame import CROP_SIZE, Pixels
from vcam.regions import PictureLandmarks
from vcam.regions.masks import region_mask, skin_mask


@pytest.fixture(scope="module")
def points(portrait: Pixels) -> NDArray[np.float32]:
    """The portrait's landmarks in crop pixels."""
    finder = PictureLandmarks()
    landmarks = finder.faces_in(portrait)[0]
    finder.close()
    return transform_points(crop_matrix(landmarks, "face"), landmarks).astype(np.float32)


@pytest.mark.parametrize("region", REGIONS)
def test_every_region_is_a_soft_mask_inside_the_crop(
    region: str, points: NDArray[np.float32]
) -> None:
    """Every region that a user can name covers something, softly, and never the crop's border."""
    mask = region_mask(points, (region,))
    assert mask.shape == (CROP_SIZE, CROP_SIZE)
    assert mask.dtype == np.float32
    assert 0.0 <= mask.min() <= mask.max() <= 1.0
    assert mask.max() > 0.9
    assert mask[[0, -1]].max() == 0.0
    assert mask[:, [0, -1]].max() == 0.0
    assert np.abs(np.diff(mask, axis=0)).max() < 0.5, "an edge that hard would be seen"


def test_eye_openings_and_mouth_interior_stay_the_users(points: NDArray[np.float32]) -> None:
    """No region touches an open eye's inside; the whole face is not the mouth's interior."""
    mask = region_mask(points, REGIONS)
    for contour in (mesh.RIGHT_EYE, mesh.LEFT_EYE):
        inside = np.zeros((CROP_SIZE, CROP_SIZE), np.uint8)
        cv2.fillPoly(inside, [np.round(points[list(contour)]).astype(np.int32)], 1)
        core = cv2.erode(inside, np.ones((3, 3), np.uint8)) > 0
        assert core.any()
        assert mask[core].max() < 0.1


def test_a_union_covers_each_of_its_regions(points: NDArray[np.float32]) -> None:
    """Eyes and mouth together are no less than eyes or mouth alone."""
    both = region_mask(points, ("eyes", "mouth"))
    for region in ("eyes", "mouth"):
        assert np.all(both >= region_mask(points, (region,)) - 1e-6)


def test_skin_is_only_skin(points: NDArray[np.float32]) -> None:
    """The palette is measured off eyes, brows and lips, and on a good part of the face."""
    skin = skin_mask(points)
    assert skin.sum() > 0.1 * CROP_SIZE**2
    features = (mesh.RIGHT_EYE, mesh.LEFT_EYE, mesh.RIGHT_BROW, mesh.LEFT_BROW, mesh.LIPS)
    for contour in features:
        x, y = np.round(points[list(contour)].mean(0)).astype(int)
        assert skin[y, x] == 0.0
