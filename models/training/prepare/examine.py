"""One photo in, what became of each of its faces out; the work of one worker."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from models.crop import crop_matrix, transform_points
from models.training.prepare.alike import perceptual_hash
from models.training.prepare.crops import align, objection_to_crop, objection_to_place
from models.training.prepare.landmarker import Landmarker
from models.training.prepare.outcomes import (
    Dropped,
    Examined,
    Kept,
    Limits,
    Mesh,
    PhotoError,
    Pixels,
    Reason,
)
from models.training.prepare.photos import Photograph, read_photo, to_srgb
from models.training.shards import SIDE

WEBP_QUALITY = 90
THUMBNAIL_PX = 112

_SEARCHED_PX = 2048  # faces are searched in a photo of at most this size
_LOOKED_AT_PX = 640  # and looked at again in a square of at most this one
_LEAST_WINDOW_PX = 640
_MARGIN = 2.0  # side of that square, in sizes of the face
_MOST_FACES = 32
_LEAST_PRESENCE = 0.95  # of bare, upright faces the landmark model is sure to 0.99 and more


class Examiner:
    """Holds the two landmarkers: one that finds every face, one that is hard to convince."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._find = Landmarker(_MOST_FACES, least_presence=0.5)
        self._look = Landmarker(4, least_presence=_LEAST_PRESENCE)

    def examine(self, path: Path) -> Examined:
        """Read a photo and judge its faces; what is wrong with the photo is part of the answer."""
        try:
            photo = read_photo(path)
        except PhotoError as error:
            return Examined("", [Dropped(error.reason, str(error))])
        faces = [self._judge(photo, found) for found in self._faces_in(photo.pixels)]
        return Examined(photo.digest, faces or [Dropped(Reason.NO_FACE)])

    def close(self) -> None:
        """Let go of the landmarkers."""
        self._find.close()
        self._look.close()

    def _judge(self, photo: Photograph, found: Mesh) -> Kept | Dropped:
        mesh = self._look_again(photo.pixels, found)
        if mesh is None:
            crop = _cut(photo, found)
            detail = "a second look is not sure that it is a face"
            return Dropped(Reason.COVERED, detail, None if crop is None else _thumbnail(crop))
        objection = objection_to_place(mesh, found, photo.pixels.shape, self._limits)
        crop = _cut(photo, mesh)
        if crop is None:
            return Dropped(*(objection or (Reason.IMPLAUSIBLE, "no crop can be laid")))
        landmarks = transform_points(crop_matrix(mesh, "face", SIDE), mesh[:, :2])
        objection = objection or objection_to_crop(crop, landmarks, self._limits)
        if objection is not None:
            return Dropped(*objection, _thumbnail(crop))
        return Kept(
            _webp(crop, WEBP_QUALITY, effort=6),
            landmarks.astype(np.float32),
            perceptual_hash(crop),
        )

    def _faces_in(self, pixels: Pixels) -> list[Mesh]:
        """Every face in the photo, roughly, the largest first; photo pixels.

        The detector works on a small square, so a large photo is searched in halves and quarters
        as well: faces from a tenth of a window on are found.
        """
        small = _shrunk(pixels, _SEARCHED_PX)
        scale = pixels.shape[1] / small.shape[1]
        longer = max(pixels.shape[:2])
        faces: list[Mesh] = []
        for parts in (1, 2, 4):
            if parts > 1 and longer / parts < _LEAST_WINDOW_PX:
                break
            for top, left, side in _windows(small.shape[0], small.shape[1], parts):
                for mesh in self._find.meshes_in(small[top : top + side, left : left + side]):
                    mesh[:, :2] += left, top
                    if all(_overlap(mesh, other) < 0.2 for other in faces):
                        faces.append(mesh)
        in_photo = [_scaled(mesh, scale, 0, 0) for mesh in faces]
        return sorted(in_photo, key=lambda mesh: -_size(mesh))

    def _look_again(self, pixels: Pixels, found: Mesh) -> Mesh | None:
        """The mesh of that face by a second look from close by; None if it is no sure face."""
        height, width = pixels.shape[:2]
        x, y = ((found.min(0) + found.max(0)) / 2)[:2].tolist()
        half = _size(found) * _MARGIN / 2
        left, top = max(round(x - half), 0), max(round(y - half), 0)
        right, bottom = min(round(x + half), width), min(round(y + half), height)
        if right - left < 2 or bottom - top < 2:
            return None
        window = pixels[top:bottom, left:right]
        shown = _shrunk(window, _LOOKED_AT_PX)
        scale = window.shape[1] / shown.shape[1]
        meshes = [_scaled(mesh, scale, left, top) for mesh in self._look.meshes_in(shown)]
        return next((mesh for mesh in meshes if _overlap(mesh, found) > 0.5), None)


def _cut(photo: Photograph, mesh: Mesh) -> Pixels | None:
    """The crop of a face in sRGB; None if it lies outside of the photo or cannot be laid."""
    height, width = photo.pixels.shape[:2]
    try:
        to_crop = crop_matrix(mesh, "face", SIDE)
    except ValueError:
        return None
    x, y = mesh[:, :2].mean(0).tolist()
    if not (0 <= x < width and 0 <= y < height):
        return None
    return to_srgb(align(photo.pixels, to_crop), photo.profile)


def _shrunk(pixels: Pixels, longer_px: int) -> Pixels:
    """The picture at no more than this size, by area."""
    height, width = pixels.shape[:2]
    scale = longer_px / max(height, width)
    if scale >= 1:
        return pixels
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def _scaled(mesh: Mesh, scale: float, left: float, top: float) -> Mesh:
    """From pixels of a shrunk window to pixels of the photo."""
    out = mesh * np.float32(scale)
    out[:, :2] += 0.5 * scale - 0.5 + np.array([left, top], np.float32)
    return out


def _windows(height: int, width: int, parts: int) -> list[tuple[int, int, int]]:
    """Squares of a `parts`-th of the longer side, half over each other: (top, left, side)."""
    side = -(-max(width, height) // parts)
    lefts = np.linspace(0, max(width - side, 0), 2 * (-(-width // side)) - 1).astype(int)
    tops = np.linspace(0, max(height - side, 0), 2 * (-(-height // side)) - 1).astype(int)
    return [(top, left, side) for top in tops.tolist() for left in lefts.tolist()]


def _size(mesh: Mesh) -> float:
    """The longer side of the box around a face, in pixels."""
    return float(np.ptp(mesh[:, :2], axis=0).max())


def _overlap(one: Mesh, other: Mesh) -> float:
    """How much of the smaller of two faces' boxes lies in the other, 0..1."""
    (low_1, high_1), (low_2, high_2) = ((m[:, :2].min(0), m[:, :2].max(0)) for m in (one, other))
    common = np.prod(np.maximum(np.minimum(high_1, high_2) - np.maximum(low_1, low_2), 0.0))
    return float(common / max(min(np.prod(high_1 - low_1), np.prod(high_2 - low_2)), 1.0))


def _thumbnail(crop: Pixels) -> bytes:
    return _webp(_shrunk(crop, THUMBNAIL_PX), quality=80, effort=2)


def _webp(pixels: Pixels, quality: int, effort: int) -> bytes:
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, "WEBP", quality=quality, method=effort)
    return encoded.getvalue()
