"""The faces that are drawn: rare ones more often, large collections less."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models.training import faces as module
from models.training.faces import FaceBank, cheek_ita, sampling_weights
from models.training.shards import Faces, ShardError


def _repeated(faces: Faces, face: int, count: int) -> Faces:
    """One face many times, each of its own collection."""
    some = [face] * count
    return Faces(
        faces.pictures[some], faces.landmarks[some].copy(), np.arange(count, dtype=np.uint8)
    )


def test_large_collections_weigh_less(faces: Faces, monkeypatch: pytest.MonkeyPatch) -> None:
    """A collection of twice the size weighs no more in all than one at the bound."""
    monkeypatch.setattr(module, "_LARGE", 4)
    same = _repeated(faces, 0, 14)
    weights = sampling_weights(
        replace(same, sources=np.repeat([0, 1, 2], (8, 4, 2)).astype(np.uint8))
    )
    assert weights[:8].sum() == pytest.approx(weights[8:12].sum())
    assert weights[12] == pytest.approx(weights[8])
    assert weights.mean() == pytest.approx(1)


def test_expressions_and_turned_heads_weigh_more(faces: Faces) -> None:
    """An open mouth, a closed eye and a turned head are each drawn more often than a plain face."""
    same = _repeated(faces, 0, 4)
    points = same.landmarks
    width = np.linalg.norm(points[1, 61] - points[1, 291])
    points[1, 14] = points[1, 13] + (0, 0.45 * width)
    points[2, 145] = points[2, 159] + (0, 1)
    points[3, 1, 0] = points[3, 234, 0] + 20
    plain, open_mouth, closed, turned = sampling_weights(same)
    assert open_mouth > 1.5 * plain
    assert closed > 1.5 * plain
    assert turned > 1.5 * plain


def test_dark_skin_weighs_more(faces: Faces) -> None:
    """The same face under dark skin has a smaller ITA and is drawn 1.8 times as often."""
    same = _repeated(faces, 0, 2)
    pictures = same.pictures.copy()
    pictures[1] = (pictures[1] * 0.35).astype(np.uint8)
    dark = replace(same, pictures=pictures)
    light_deg, dark_deg = cheek_ita(dark)
    assert light_deg > 28 > dark_deg
    plain, rare = sampling_weights(dark)
    assert rare == pytest.approx(1.8 * plain)


def test_faces_are_drawn_by_weight(shards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many draws hit each face about as often as its weight says, and give pictures of -1 to 1."""
    monkeypatch.setattr(module, "sampling_weights", lambda _: np.array([0.4, 0.4, 0.4, 2.8]))
    bank = FaceBank(shards, "train-*.npz", torch.device("cpu"))
    torch.manual_seed(0)
    pictures, landmarks = bank.draw(400)
    assert landmarks.shape == (400, 478, 2)
    assert -1 <= float(pictures.min()) < float(pictures.max()) <= 1
    hits = (landmarks == bank.landmarks[3]).all(2).all(1).float().mean()
    assert float(hits) == pytest.approx(0.7, abs=0.08)


def test_a_folder_without_faces_is_named(tmp_path: Path) -> None:
    """Without a shard the folder, the pattern and what makes shards are said."""
    with pytest.raises(ShardError, match=r"no file in it is called val-\*\.npz.*prepare"):
        FaceBank(tmp_path, "val-*.npz", torch.device("cpu"))
