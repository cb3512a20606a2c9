"""Groups: cheeks tell the colour, and a face is in one skin group."""

from __future__ import annotations

import numpy as np
import pytest

from models.evaluate.groups import cheek_colour, mouth_openness, sort_into_groups
from models.training.shards import Faces


def test_cheeks_alone_tell_the_colour(faces: Faces) -> None:
    """Green everywhere but on the cheeks, brown on them, is brown."""
    landmarks = faces.landmarks[0]
    picture = np.full((256, 256, 3), (0, 255, 0), np.uint8)
    for x, y in landmarks[[50, 205, 280, 425]].round().astype(int):
        picture[y - 8 : y + 9, x - 8 : x + 9] = (120, 80, 60)
    assert cheek_colour(picture, landmarks) * 255 == pytest.approx(np.array((120, 80, 60)))


def test_every_face_has_one_skin_group(faces: Faces) -> None:
    """Edith is light and Kofi dark, as their cards say, Mara in between; no mouth is open."""
    groups = sort_into_groups(faces)
    skins = np.stack([groups[f"skin {tone}"] for tone in ("light", "medium", "dark")])
    assert skins.sum(0).tolist() == [1, 1, 1]
    assert skins.argmax(0).tolist() == [1, 2, 0]
    assert not groups["mouth open"].any()


def test_openness_is_height_over_width() -> None:
    """A mouth 20 wide and 8 high is 0.4 open, wherever it is."""
    landmarks = np.zeros((478, 2), np.float32)
    landmarks[[78, 308]] = [[100, 50], [120, 50]]
    landmarks[[14, 13]] = [[110, 55], [110, 47]]
    assert mouth_openness(landmarks) == pytest.approx(0.4)
