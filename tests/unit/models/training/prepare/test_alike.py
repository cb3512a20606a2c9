"""Copies of a face are found again, other faces and other moments are not."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from models.crop import crop_matrix, transform_points
from models.training.prepare import alike
from models.training.prepare.alike import SeenFaces, perceptual_hash
from models.training.prepare.crops import align
from tests.unit.models.training.prepare.conftest import NAMES, known_landmarks, portrait


def _face(name: str) -> tuple[np.ndarray, np.ndarray]:
    to_crop = crop_matrix(known_landmarks(name), "face")
    landmarks = transform_points(to_crop, known_landmarks(name))
    return align(np.asarray(portrait(name)), to_crop), landmarks


def test_copies_are_found_again() -> None:
    """The same photo smaller, darker, or as a poor JPEG is the same face."""
    crop, landmarks = _face("mara")
    poor = io.BytesIO()
    Image.fromarray(crop).save(poor, "JPEG", quality=30)
    small = Image.fromarray(crop).resize((128, 128)).resize((256, 256))
    copies = [np.asarray(Image.open(poor)), np.asarray(small), (crop * 0.8).astype(np.uint8)]
    seen = SeenFaces()
    assert seen.find_or_add(perceptual_hash(crop), landmarks) is None
    for copy in copies:
        assert seen.find_or_add(perceptual_hash(copy), landmarks + 0.5) == 0
    assert seen.find_or_add(perceptual_hash(crop), landmarks * 1.03) is None, "another expression"


def test_different_people_are_not_confused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Morphs that share no host, aligned alike as they are, all are new; the store grows."""
    monkeypatch.setattr(alike, "_GROWTH", 4)
    seen = SeenFaces()
    found = [
        seen.find_or_add(perceptual_hash(crop), landmarks)
        for crop, landmarks in map(_face, NAMES[:12])
    ]
    assert found == [None] * 12
    crop, landmarks = _face(NAMES[11])
    assert seen.find_or_add(perceptual_hash(crop), landmarks) == 11
