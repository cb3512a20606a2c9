"""The `follow` edit on a processor; `vcam.edit.follow` has the equation and its reasons.

Where every layer's detail is 1, as it is unless somebody changes it, the small model gives the
correction c in one pass; otherwise c is made of its three pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from vcam.edit.geometry import from_corner, mip_level
from vcam.edit.lite.composite import Composite, as_floats, finish
from vcam.edit.lite.network_input import NetworkInput
from vcam.edit.lite.palette import (
    SPARSE,
    coloured,
    log_of,
    palette_map,
    skin_weights,
    statistics,
)
from vcam.edit.lite.references import PreparedReference
from vcam.edit.lite.sampling import grid_on_crop, on_frame, read, to_level
from vcam.edit.lite.scratch import Floats, Scratch
from vcam.frame import CROP_SIZE, Affine, Pixels


@dataclass(frozen=True, slots=True, eq=False)
class FollowLayer:
    """One layer of one frame.

    mask: [S, S]. grid: [G, G, 2], points of the reference picture in its pixels.
    reference_step_px: pixels of the reference picture that one crop pixel spans.
    """

    mask: Floats
    grid: Floats
    reference: PreparedReference
    reference_step_px: float
    strength: float
    tone: float
    detail: float


@dataclass(frozen=True, slots=True, eq=False)
class _Pasted:
    """What pasting a layer in the crop has found: its points [2, S, S] and its palette [3, 4]."""

    points: Floats
    palette: Floats


class FollowEdit:
    """The equation, ready for one network."""

    def __init__(self, shown: NetworkInput, composite: Composite, scratch: Scratch) -> None:
        self._shown, self._composite, self._scratch = shown, composite, scratch

    def __call__(
        self, picture: Pixels, to_crop: Affine, skin: Floats, layers: Sequence[FollowLayer]
    ) -> None:
        """Edit the picture in place.

        Shapes: picture [H, W, 3] uint8; to_crop maps its pixels to crop pixels; skin [S, S].
        """
        box = self._composite.begin([layer.mask for layer in layers], to_crop, picture.shape)
        if box is None:
            return
        self._shown.look(picture, to_crop)
        pasted = self._paste_in_crop(skin, layers)
        correction = self._correction(layers)
        part, to_crop = picture[box], from_corner(to_crop, box[0].start, box[1].start)
        change, weight = self._composite.on_frame(correction, layers[0].mask, to_crop, part.shape)
        base = as_floats(part, self._scratch("base", *part.shape))
        for number, (layer, found) in enumerate(zip(layers, pasted, strict=True)):
            if number:
                on_frame(layer.mask, to_crop, weight)
            np.multiply(weight, np.float32(layer.strength * layer.detail), out=weight)
            self._paste_in_frame(base, layer, found, weight, to_crop)
        finish(base, change, part)

    def _paste_in_crop(self, skin: Floats, layers: Sequence[FollowLayer]) -> list[_Pasted]:
        """Show the network p, the crop with every reference pasted into it."""
        crop, scratch = self._shown.crop, self._scratch
        side = CROP_SIZE, CROP_SIZE
        sparse = np.ascontiguousarray(crop[SPARSE])
        log_user = log_of(sparse, scratch("sparse user", *sparse.shape))
        weights = skin_weights(skin)
        user = statistics(log_user, weights)
        picture = as_floats(crop, scratch("pasted", *side, 3))
        pasted: list[_Pasted] = []
        for number, layer in enumerate(layers):
            points = scratch(f"points {number}", 2, *side)
            grid_on_crop(layer.grid, points)
            warped = scratch("warped", *side, 3)
            self._read(layer, points, layer.reference_step_px, warped)
            palette = palette_map(statistics(warped[SPARSE], weights), user, layer.tone)
            coloured(warped, palette, warped)
            _blend(picture, warped, layer.mask, scratch("rest", *side))
            pasted.append(_Pasted(points, palette))
        self._shown.show(picture)
        return pasted

    def _correction(self, layers: Sequence[FollowLayer]) -> Floats:
        """C, what the network adds to a plain paste; [3, S, S], -1..1."""
        shown = self._shown
        _union(layers, [layer.strength for layer in layers], shown.mask)
        if all(layer.detail == 1.0 for layer in layers):
            return shown.correction()
        before, after, paste = shown.pictures()
        weight = self._scratch("detail", CROP_SIZE, CROP_SIZE)
        _union(layers, [layer.strength * layer.detail for layer in layers], weight)
        correction = self._scratch("correction", *after.shape)
        np.subtract(before, paste, out=correction)
        np.multiply(correction, weight, out=correction)
        np.subtract(correction, before, out=correction)  # -lerp(y0, yp, d t m)
        np.add(correction, after, out=correction)
        return correction

    def _paste_in_frame(
        self, base: Floats, layer: FollowLayer, found: _Pasted, weight: Floats, to_crop: Affine
    ) -> None:
        """B: the reference warped straight into the frame's pixels, as sharp as it is kept."""
        height, width, _ = base.shape
        points = self._scratch("points in frame", 2, height, width)
        for axis in (0, 1):
            on_frame(found.points[axis], to_crop, points[axis], beyond_edges=True)
        warped = self._scratch("warped in frame", height, width, 3)
        crop_px_per_frame_px = float(np.hypot(to_crop[0, 0], to_crop[1, 0]))
        self._read(layer, points, layer.reference_step_px * crop_px_per_frame_px, warped)
        coloured(warped, found.palette, warped)
        _blend(base, warped, weight, self._scratch("rest", height, width))

    def _read(self, layer: FollowLayer, points: Floats, step_px: float, out: Floats) -> None:
        """A layer's reference, log colours, at points [2, h, w] of its full size."""
        level = mip_level(step_px, layer.reference.level_count)
        points = to_level(points, level, self._scratch("points of level", *points.shape))
        read(layer.reference.level(level), points, out)


def _blend(picture: Floats, other: Floats, weight: Floats, rest: Floats) -> None:
    """Picture becomes lerp(picture, other, weight); where the weight is 0, to a 100000th."""
    np.subtract(np.float32(1.0), weight, out=rest)
    cv2.blendLinear(picture, other, rest, weight, dst=picture)


def _union(layers: Sequence[FollowLayer], weights: Sequence[float], out: Floats) -> None:
    """How far the layers go together, 1 - prod(1 - weight * mask)."""
    np.multiply(layers[0].mask, np.float32(weights[0]), out=out)
    for layer, weight in zip(layers[1:], weights[1:], strict=True):
        np.subtract(np.float32(1.0), out, out=out)
        out *= np.float32(1.0) - np.float32(weight) * layer.mask
        np.subtract(np.float32(1.0), out, out=out)
