"""Faces from a folder of pictures: found, aligned, in a process without network.

MediaPipe, which finds them, phones home (docs/dependencies.md), so it runs in a child that takes
the internet from itself first. The measuring process never loads it.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.crop import CropKind, crop_matrix, transform_points
from models.training.prepare.photos import PhotoError, endings, read_photo, to_srgb
from models.training.shards import SIDE, Faces
from vcam.engine.no_network import deny_network

_LEAST_PRESENCE = 0.5  # MediaPipe's own: what is measured should not be only what is easy


def read_folder(folder: Path, crop: CropKind, limit: int | None) -> tuple[Faces, int]:
    """The largest face of each picture, in the order of their names.

    Pictures of 256x256 are taken for crops already and used as they are; others are aligned.
    Returns: the faces, and how many pictures were passed over: unreadable, or without a face.
    Raises: ValueError if there is no picture or no face; what, why, what to do.
    """
    files = sorted(f for f in folder.iterdir() if f.suffix.lower() in endings())
    if not files:
        raise ValueError(
            f"There is no picture in {folder}. Give a folder with {', '.join(sorted(endings()))} "
            "files in it, or a shard (.npz)."
        )
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as child:
        pictures, landmarks = child.submit(_find_faces, files, crop, limit).result()
    looked_at = len(files)
    if not pictures:
        raise ValueError(
            f"No face was found in the {looked_at} pictures of {folder}. Give pictures that show "
            "a face from the front, at least about 100 pixels wide."
        )
    sources = np.zeros(len(pictures), np.uint8)
    passed_over = 0 if len(pictures) == limit else looked_at - len(pictures)
    return Faces(np.stack(pictures), np.stack(landmarks), sources), passed_over


def _find_faces(
    files: list[Path], crop: CropKind, limit: int | None
) -> tuple[list[NDArray[np.uint8]], list[NDArray[np.float32]]]:
    """The child's work: crops and their landmarks."""
    deny_network()
    try:
        from models.training.prepare.landmarker import Landmarker
    except ModuleNotFoundError as error:
        raise ValueError(
            f"Faces in a folder are found by MediaPipe, which is not installed ({error}). Run "
            "`pip install mediapipe`, or give a shard (.npz) instead."
        ) from error
    from models.training.prepare.crops import align

    pictures: list[NDArray[np.uint8]] = []
    landmarks: list[NDArray[np.float32]] = []
    landmarker = Landmarker(most_faces=4, least_presence=_LEAST_PRESENCE)
    try:
        for file in files:
            if len(pictures) == limit:
                break
            try:
                photo = read_photo(file)
            except PhotoError:
                continue
            meshes = landmarker.meshes_in(photo.pixels)
            if not meshes:
                continue
            pixels, points = photo.pixels, meshes[0][:, :2]
            if pixels.shape[:2] != (SIDE, SIDE):
                to_crop = crop_matrix(points, crop, SIDE)
                pixels = to_srgb(align(pixels, to_crop), photo.profile)
                points = transform_points(to_crop, points).astype(np.float32)
            pictures.append(pixels)
            landmarks.append(points)
    finally:
        landmarker.close()
    return pictures, landmarks
