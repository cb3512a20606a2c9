"""Faces of nobody to train on, and networks narrow enough to train in a test."""

from __future__ import annotations

import io
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from models import config
from models.crop import crop_matrix, transform_points
from models.training.faces import FaceBank
from models.training.shards import SIDE, Faces, write_shard

REFERENCES = Path(__file__).parents[4] / "models" / "assets" / "references"
NAMES = ("mara", "kofi", "edith", "leon", "yuna", "omar")


@pytest.fixture(scope="session")
def faces() -> Faces:
    """Six built-in references as crops, of one collection."""
    pictures, landmarks = [], []
    for name in NAMES:
        points = np.array(json.loads((REFERENCES / f"{name}.json").read_text())["landmarks"])
        matrix = crop_matrix(points, "face")
        pixels = np.asarray(Image.open(REFERENCES / f"{name}.webp").convert("RGB"))
        pictures.append(cv2.warpAffine(pixels, matrix, (SIDE, SIDE), None, cv2.INTER_LINEAR))
        landmarks.append(transform_points(matrix, points))
    count = len(NAMES)
    return Faces(
        np.stack(pictures), np.stack(landmarks).astype(np.float32), np.zeros(count, np.uint8)
    )


@pytest.fixture(scope="session")
def shards(faces: Faces, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with four of them to train on and two held out."""
    folder = tmp_path_factory.mktemp("shards")
    for name, some in (("train-000.npz", slice(0, 4)), ("val-000.npz", slice(4, 6))):
        encoded = []
        for picture in faces.pictures[some]:
            file = io.BytesIO()
            Image.fromarray(picture).save(file, "WEBP", lossless=True)
            encoded.append(file.getvalue())
        write_shard(folder / name, encoded, faces.landmarks[some], faces.sources[some])
    return folder


@pytest.fixture(scope="session")
def bank(shards: Path) -> FaceBank:
    """The four on the CPU."""
    return FaceBank(shards, "train-*.npz", torch.device("cpu"))


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let networks have an eighth of their channels: a step takes seconds, not a minute.

    All else about them is as it is, so what is saved and loaded under it fits.
    """
    wide = config._WIDE_CHANNELS
    monkeypatch.setattr(
        config, "_WIDE_CHANNELS", {side: max(8, c // 8) for side, c in wide.items()}
    )
    monkeypatch.setattr(config, "_NARROW_CHANNELS", 64)
