"""Shards give back what was packed, and say what is wrong with a file that is none."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.training.shards import ShardError, read_faces, write_shard


def _pack(path: Path, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    pictures = random.integers(0, 256, (count, 256, 256, 3), dtype=np.uint8)
    landmarks = random.uniform(0, 255, (count, 478, 2)).astype(np.float32)
    encoded = []
    for picture in pictures:
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "WEBP", lossless=True)
        encoded.append(file.getvalue())
    write_shard(path, encoded, landmarks, np.arange(count))
    return pictures, landmarks


def test_what_was_packed_comes_back(tmp_path: Path) -> None:
    """Pictures come back as they were, landmarks to a sixteenth of a pixel, in file order."""
    first, marks_1 = _pack(tmp_path / "train-000.npz", 3, 1)
    second, marks_2 = _pack(tmp_path / "train-001.npz", 2, 2)
    faces = read_faces(tmp_path.glob("*.npz"))
    assert np.array_equal(faces.pictures, np.concatenate((first, second)))
    assert np.abs(faces.landmarks - np.concatenate((marks_1, marks_2))).max() <= 1 / 16 + 1e-4
    assert faces.sources.tolist() == [0, 1, 2, 0, 1]
    assert len(read_faces(tmp_path.glob("*.npz"), limit=4)) == 4


def test_files_that_are_no_shards_are_refused(tmp_path: Path) -> None:
    """A folder without shards, a file of another kind and one that lacks an array are named."""
    with pytest.raises(ShardError, match="no faces"):
        read_faces(tmp_path.glob("*.npz"))
    (tmp_path / "a.npz").write_bytes(b"no zip")
    with pytest.raises(ShardError, match=r"a\.npz"):
        read_faces([tmp_path / "a.npz"])
    np.savez(tmp_path / "b.npz", bytes=np.zeros(3, np.uint8))
    with pytest.raises(ShardError, match="lacks landmark_delta8"):
        read_faces([tmp_path / "b.npz"])
