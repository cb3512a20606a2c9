"""Faces and networks to measure: built-in references, and networks whose answers are known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from models.evaluate.candidates import NetworkEdit
from models.training.shards import Faces
from tests.unit.models.reference_crops import read_references, write_lossless_shard

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
    return read_references(*NAMES)


@pytest.fixture(scope="session")
def shard(faces: Faces, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as a shard."""
    path = tmp_path_factory.mktemp("shard") / "val-000.npz"
    write_lossless_shard(path, faces)
    return path
