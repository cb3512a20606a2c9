"""Faces of nobody to train on, and networks narrow enough to train in a test."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from models import config
from models.training.faces import FaceBank
from models.training.shards import Faces
from tests.unit.models.reference_crops import read_references, write_lossless_shard

NAMES = ("mara", "kofi", "edith", "leon", "yuna", "omar")


@pytest.fixture(scope="session")
def faces() -> Faces:
    """Six built-in references as crops, of one collection."""
    return read_references(*NAMES)


@pytest.fixture(scope="session")
def shards(faces: Faces, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with four of them to train on and two held out."""
    folder = tmp_path_factory.mktemp("shards")
    write_lossless_shard(folder / "train-000.npz", faces, slice(0, 4))
    write_lossless_shard(folder / "val-000.npz", faces, slice(4, 6))
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
