"""The faces that weights are measured on, and pictures as bytes and as tensors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.crop import CropKind
from models.training.shards import Faces, read_faces

LEVELS_A_UNIT = 127.5
"""Grey levels of 255 in one unit of -1..1."""


def load_faces(path: Path, crop: CropKind, limit: int | None) -> tuple[Faces, int]:
    """Read a shard, or the pictures of a folder.

    crop: the alignment that the weights were trained on. limit: no more than so many faces.
    Returns: the faces, and how many pictures of the folder were passed over.
    Raises: ValueError if there is nothing to measure on; what, why, what to do.
    """
    if path.is_dir():
        from models.evaluate.photographs import read_folder  # only where pictures are searched

        return read_folder(path, crop, limit)
    if not path.exists():
        raise ValueError(
            f"There is nothing at {path}. Give a folder of pictures, or a shard (.npz) as "
            "`python -m models.training.prepare` makes them."
        )
    if crop != "face":
        raise ValueError(
            f"{path} has crops of the kind 'face', the weights want '{crop}'. Give a folder of "
            "photographs: they are aligned as the weights need them."
        )
    return read_faces([path], limit), 0


def to_tensor(pictures: NDArray[np.uint8], device: torch.device) -> Tensor:
    """Bytes [B, H, W, 3] to [B, 3, H, W], float32, -1..1."""
    return torch.from_numpy(pictures).to(device).permute(0, 3, 1, 2).float() / LEVELS_A_UNIT - 1


def to_bytes(pictures: Tensor) -> NDArray[np.uint8]:
    """The inverse of `to_tensor`, rounded and clipped."""
    levels = ((pictures + 1) * LEVELS_A_UNIT).round().clamp(0, 255).byte()
    return np.ascontiguousarray(levels.permute(0, 2, 3, 1).cpu().numpy())
