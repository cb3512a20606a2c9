"""Reading pictures at computed places: the crop, the reference laid on it, the way back."""

from __future__ import annotations

import cv2
import numpy as np

from models.crop import invert_affine
from vcam.edit.geometry import supersampled
from vcam.edit.lite.scratch import Floats
from vcam.frame import CROP_SIZE, Affine, Pixels

# From so many frame pixels a crop pixel on, a crop pixel is the mean of four readings.
_LARGE_PX = 1.2

_SIDE = (CROP_SIZE, CROP_SIZE)
_BACK = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP  # matrices say where a pixel is read


def crop_of(pixels: Pixels, to_crop: Affine, out: Pixels, double: Pixels) -> None:
    """The aligned crop of a frame, [S, S, 3] uint8; the frame is mirrored beyond its edges.

    double: [2 S, 2 S, 3], memory for the readings of a large face.
    """
    from_crop = invert_affine(to_crop)
    if np.hypot(from_crop[0, 0], from_crop[1, 0]) < _LARGE_PX:
        _warp(pixels, from_crop, _SIDE, out, cv2.BORDER_REFLECT)
        return
    _warp(pixels, supersampled(from_crop), double.shape[1::-1], double, cv2.BORDER_REFLECT)
    cv2.resize(double, _SIDE, dst=out, interpolation=cv2.INTER_AREA)


def grid_on_crop(grid: Floats, out: Floats) -> None:
    """A warp's grid [G, G, 2] at every pixel of the crop: x and y apart, [2, S, S]."""
    for axis in (0, 1):
        plane = np.ascontiguousarray(grid[..., axis])
        cv2.resize(plane, _SIDE, dst=out[axis], interpolation=cv2.INTER_CUBIC)


def to_level(points: Floats, level: int, out: Floats) -> Floats:
    """Points of a picture in the pixels of one of its halvings; `points` itself for level 0."""
    if level == 0:
        return points
    factor = 0.5**level
    np.multiply(points, np.float32(factor), out=out)
    np.add(out, np.float32(0.5 * factor - 0.5), out=out)
    return out


def read(picture: Floats, points: Floats, out: Floats) -> None:
    """The picture [h, w, 3] at points [2, H, W] of it; mirrored beyond its edges."""
    cv2.remap(
        picture, points[0], points[1], cv2.INTER_LINEAR, dst=out, borderMode=cv2.BORDER_REFLECT
    )


def on_frame(plane: Floats, to_crop: Affine, out: Floats, *, beyond_edges: bool = False) -> None:
    """What lies on the crop, [S, S] or [S, S, C], at the pixels of a part of the frame.

    to_crop: from that part's pixels. Beyond the crop it is exactly 0, or goes on as at its edge.
    """
    border = cv2.BORDER_REPLICATE if beyond_edges else cv2.BORDER_CONSTANT
    _warp(plane, to_crop, out.shape[1::-1], out, border)


def _warp(
    picture: Pixels | Floats,
    matrix: Affine,
    wh: tuple[int, ...],
    out: Pixels | Floats,
    border: int,
) -> None:
    size = wh[0], wh[1]
    cv2.warpAffine(picture, matrix, size, dst=out, flags=_BACK, borderMode=border)
