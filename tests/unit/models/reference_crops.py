"""The built-in references as faces to train and measure on: people who do not exist."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
from PIL import Image

from models.crop import crop_matrix, transform_points
from models.training.prepare.crops import align
from models.training.shards import Faces, write_shard

REFERENCES = Path(__file__).parents[3] / "models" / "assets" / "references"


def read_references(*names: str) -> Faces:
    """Some of them by name, aligned as `prepare` aligns a photo's faces, of one collection."""
    pictures, landmarks = [], []
    for name in names:
        points = np.array(json.loads((REFERENCES / f"{name}.json").read_text())["landmarks"])
        to_crop = crop_matrix(points, "face")
        with Image.open(REFERENCES / f"{name}.webp") as picture:
            pictures.append(align(np.asarray(picture.convert("RGB")), to_crop))
        landmarks.append(transform_points(to_crop, points).astype(np.float32))
    return Faces(np.stack(pictures), np.stack(landmarks), np.zeros(len(names), np.uint8))


def write_lossless_shard(path: Path, faces: Faces, some: slice = slice(None)) -> None:
    """Write faces as a shard that gives the same pixels back."""
    encoded: list[bytes] = []
    for picture in faces.pictures[some]:
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "WEBP", lossless=True)
        encoded.append(file.getvalue())
    write_shard(path, encoded, faces.landmarks[some], faces.sources[some])
