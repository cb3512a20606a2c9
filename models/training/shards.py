"""Shards: packed face crops with their landmarks, what training and evaluation read.

A shard is an .npz file with these arrays, for N faces:

    bytes            uint8, the pictures as WebP files, one after another, 256x256 RGB
    offsets          int64 (N + 1,), where each file starts; the last is the end
    landmark_mean    float32 (478, 2), the shard's mean face, crop pixels
    landmark_delta8  int16 (N, 478, 2), each face less the mean, in eighths of a pixel
    source           uint8 (N,), number of the collection that the picture came from

The crops are those of `models.crop`, kind `face`.
"""

from __future__ import annotations

import io
import itertools
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from models.crop import MESH_POINTS

SIDE = 256
"""Of the crops, in pixels."""

_STEPS_PER_PX = 8
_ARRAYS = {"bytes", "offsets", "landmark_mean", "landmark_delta8", "source"}


class ShardError(ValueError):
    """A file that is no shard, or a damaged one: what and why."""


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """Decoded faces."""

    pictures: NDArray[np.uint8]  # [N, 256, 256, 3], RGB
    landmarks: NDArray[np.float32]  # [N, 478, 2], crop pixels
    sources: NDArray[np.uint8]  # [N]

    def __len__(self) -> int:
        return len(self.pictures)


def read_faces(paths: Iterable[Path], limit: int | None = None) -> Faces:
    """Decode the shards, in the order of their names, on all cores.

    limit: read no more than so many faces.
    Raises: ShardError if there is no shard, or one is damaged.
    """
    encoded: list[bytes] = []
    landmarks, sources = [], []
    for path in sorted(paths):
        arrays = _load(path)
        data, offsets = arrays["bytes"].tobytes(), arrays["offsets"].tolist()
        encoded += [data[a:b] for a, b in itertools.pairwise(offsets)]
        delta = arrays["landmark_delta8"].astype(np.float32) / _STEPS_PER_PX
        landmarks.append(arrays["landmark_mean"] + delta)
        sources.append(arrays["source"])
    if not encoded:
        raise ShardError("There are no faces: no shard (.npz) was given, or they are empty.")
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # Pillow decodes without the interpreter
        pictures = np.stack(list(pool.map(decode, encoded[:limit])))
    return Faces(pictures, np.concatenate(landmarks)[:limit], np.concatenate(sources)[:limit])


def write_shard(
    path: Path,
    encoded: Sequence[bytes],
    landmarks: NDArray[np.floating],
    sources: NDArray[np.integer],
) -> None:
    """Write one shard, whole or not at all.

    Shapes: encoded, N WebP files; landmarks [N, 478, 2], crop pixels; sources [N], 0..255.
    """
    mean = landmarks.mean(0).astype(np.float32)
    half = path.with_suffix(".part")
    with half.open("wb") as file:
        np.savez(
            file,
            bytes=np.frombuffer(b"".join(encoded), np.uint8),
            offsets=np.cumsum([0, *map(len, encoded)], dtype=np.int64),
            landmark_mean=mean,
            landmark_delta8=np.round((landmarks - mean) * _STEPS_PER_PX).astype(np.int16),
            source=np.asarray(sources, np.uint8),
        )
    half.replace(path)


def decode(encoded: bytes) -> NDArray[np.uint8]:
    """One picture of a shard, [256, 256, 3] RGB.

    Raises: ShardError if it is none.
    """
    try:
        with Image.open(io.BytesIO(encoded), formats=["WEBP"]) as picture:
            pixels = np.asarray(picture.convert("RGB"))
    except (OSError, UnidentifiedImageError) as error:
        raise ShardError(f"A picture in the shard cannot be read: {error}.") from error
    if pixels.shape != (SIDE, SIDE, 3):
        raise ShardError(f"A picture in the shard is {pixels.shape}, must be {SIDE}x{SIDE} RGB.")
    return pixels


def _load(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, BadZipFile) as error:
        raise ShardError(f"{path} cannot be read as a shard: {error}.") from error
    if missing := _ARRAYS - arrays.keys():
        raise ShardError(f"{path} is no shard: it lacks {', '.join(sorted(missing))}.")
    count = len(arrays["offsets"]) - 1
    if arrays["landmark_delta8"].shape != (count, MESH_POINTS, 2) or len(arrays["source"]) != count:
        raise ShardError(f"{path} is damaged: its arrays are of different lengths.")
    return arrays
