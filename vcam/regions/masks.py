"""Soft masks of the named regions, drawn from the landmarks.

Masks are [256, 256] float32 in crop pixels, 0..1. Eye openings and the mouth's interior are never
part of a region: gaze, blinks, teeth and tongue stay the user's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from models import mesh
from vcam.frame import CROP_SIZE
from vcam.regions.openings import EYES, MOUTH, kept_contour

Mask = NDArray[np.float32]
Points = NDArray[np.float32]
Pixels8 = NDArray[np.uint8]


class _Form(NamedTuple):
    """How a region is drawn: contours, grown about their centres, then softened."""

    contours: tuple[tuple[int, ...], ...]
    growth: float
    softness_px: float


_FORMS: dict[str, _Form] = {
    "face": _Form((mesh.OVAL,), 0.97, 5.0),
    "eyes": _Form((mesh.RIGHT_EYE, mesh.LEFT_EYE), 2.0, 4.0),
    "brows": _Form((mesh.RIGHT_BROW, mesh.LEFT_BROW), 1.5, 3.0),
    "nose": _Form((mesh.NOSE,), 1.2, 4.0),
    "mouth": _Form((mesh.LIPS,), 1.35, 4.0),
}
_OPENING_SOFTNESS_PX = 1.5
_OPENING_GAIN = 2.0  # full right up to the lids, so that a closing eye's slit is still the user's
_NOT_SKIN = (mesh.RIGHT_EYE, mesh.LEFT_EYE, mesh.RIGHT_BROW, mesh.LEFT_BROW, mesh.LIPS)
_SUBPIXEL_BITS = 4


def region_mask(points: Points, regions: Sequence[str]) -> Mask:
    """The union of some regions, without eye openings and mouth interior.

    points: [478, 2] landmarks in crop pixels. Returns: [256, 256], exactly 0 along the border.
    """
    mask: Mask | None = None
    for name in regions:
        form = _FORMS[name]
        grown = [_grown(points[list(contour)], form.growth) for contour in form.contours]
        drawn = _soften(_filled(grown), form.softness_px)
        mask = drawn if mask is None else np.maximum(mask, drawn)
    if mask is None:
        raise ValueError("a mask needs at least one region")
    kept = [kept_contour(points, opening) for opening in (*EYES, MOUTH)]
    openings = _soften(_filled(kept), _OPENING_SOFTNESS_PX) * _OPENING_GAIN
    mask *= 1.0 - np.minimum(openings, 1.0)
    mask *= _BORDER
    return mask


def skin_mask(points: Points) -> Mask:
    """Where there is surely skin: inside the oval, off eyes, brows and lips."""
    skin = _filled([_grown(points[list(mesh.OVAL)], 0.85)])
    skin[_filled([_grown(points[list(contour)], 1.3) for contour in _NOT_SKIN]) > 0] = 0
    return skin.astype(np.float32) / 255.0


def _grown(polygon: Points, growth: float) -> Points:
    """A polygon made larger about its centre."""
    centre = polygon.mean(0)
    return centre + (polygon - centre) * growth


def _filled(polygons: Sequence[Points]) -> Pixels8:
    """Polygons filled, 0 or 255 with smooth edges."""
    canvas = np.zeros((CROP_SIZE, CROP_SIZE), np.uint8)
    for polygon in polygons:
        fixed = np.round(polygon * (1 << _SUBPIXEL_BITS)).astype(np.int32)
        cv2.fillPoly(canvas, [fixed], 255, cv2.LINE_AA, _SUBPIXEL_BITS)
    return canvas


def _soften(canvas: Pixels8, sigma_px: float) -> Mask:
    """Gaussian blur, 0..1; exactly 0 three sigma away from what was drawn."""
    side = 2 * round(3 * sigma_px) + 1
    blurred = cv2.GaussianBlur(canvas.astype(np.float32), (side, side), sigma_px)
    return np.minimum(blurred * np.float32(1 / 255), np.float32(1.0))


def _border(width_px: int = 10) -> Mask:
    """1 inside the crop, falling to 0 at its edge: what leaves the crop must leave it softly."""
    from_edge = np.minimum(np.arange(CROP_SIZE), np.arange(CROP_SIZE)[::-1]).astype(np.float32)
    ramp = np.clip((from_edge - 4) / width_px, 0.0, 1.0)
    return np.minimum(ramp[:, None], ramp[None, :])


_BORDER = _border()
