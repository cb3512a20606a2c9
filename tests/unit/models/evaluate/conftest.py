"""Faces and networks to measure: built-in references, and networks whose answers are known."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from models.crop import crop_matrix, transform_points
from models.evaluate.candidates import NetworkEdit
from models.training.shards import SIDE, Faces, write_shard

REFERENCES = Path(__file__).parents[4] / "models" / "assets" / "references"
NAMES = ("mara", "kofi", "edith")


class Perfect:
    """A network that paints exactly what it is shown; `error` is added to its blend."""

    def __init__(self, error: float = 0.0) -> None:
        self.error = error

    def reconstruct(self, x: Tensor) -> Tensor:
        """The picture itself."""
        return x

    def edit(self, x: Tensor, paste: Tensor, weight: Tensor) -> NetworkEdit:
        """The plain paste, off by `error`."""
        blend = torch.lerp(x, paste, weight)
        after = blend + self.error
        return NetworkEdit(x, after, paste, after - blend)

    def from_noise(self, z: Tensor) -> None:
        """It can't."""
        return None

    def run_once(self, pair: Tensor, weight: Tensor) -> object:
        """Nothing takes time."""
        return None

    def parameters(self) -> Iterator[nn.Parameter]:
        """It has learned nothing."""
        return iter(())


@pytest.fixture(scope="session")
def faces() -> Faces:
    """Three built-in references as crops."""
    pictures, landmarks = [], []
    for name in NAMES:
        points = np.array(json.loads((REFERENCES / f"{name}.json").read_text())["landmarks"])
        matrix = crop_matrix(points, "face")
        pixels = np.asarray(Image.open(REFERENCES / f"{name}.webp").convert("RGB"))
        fine = 2 * matrix + np.array([[0, 0, 0.5], [0, 0, 0.5]])
        twice = cv2.warpAffine(
            pixels, fine, (2 * SIDE,) * 2, None, cv2.INTER_CUBIC, cv2.BORDER_REFLECT_101
        )
        pictures.append(cv2.resize(twice, (SIDE, SIDE), interpolation=cv2.INTER_AREA))
        landmarks.append(transform_points(matrix, points))
    return Faces(np.stack(pictures), np.stack(landmarks).astype(np.float32), np.zeros(3, np.uint8))


@pytest.fixture(scope="session")
def shard(faces: Faces, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as a shard."""
    path = tmp_path_factory.mktemp("shard") / "val-000.npz"
    encoded = []
    for picture in faces.pictures:
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "WEBP", lossless=True)
        encoded.append(file.getvalue())
    write_shard(path, encoded, faces.landmarks, faces.sources)
    return path
