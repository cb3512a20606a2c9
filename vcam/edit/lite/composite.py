"""Puts the network's change back into the frame's own pixels, inside a soft mask."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from models.crop import invert_affine, transform_points
from vcam.edit.constants import BORDER_PX, GROWTH_PX, SOFTNESS_PX
from vcam.edit.geometry import Box
from vcam.edit.lite.network_input import HALF
from vcam.edit.lite.sampling import on_frame
from vcam.edit.lite.scratch import Floats, Scratch
from vcam.frame import CROP_SIZE, Affine, Pixels

_GROWTH = np.ones((GROWTH_PX, GROWTH_PX), np.uint8)
_SOFTENING = 2 * round(3 * SOFTNESS_PX) + 1


def _border() -> Floats:
    line = np.arange(CROP_SIZE, dtype=np.float32)
    line = np.minimum(np.minimum(line, line[::-1]) / np.float32(BORDER_PX), np.float32(1.0))
    return np.outer(line, line)


_BORDER = _border()


class Composite:
    """base + m~ c; m~ is a little wider and softer than the masks, so that no edge is left."""

    def __init__(self, scratch: Scratch) -> None:
        self._scratch = scratch
        self._wide = np.zeros((CROP_SIZE, CROP_SIZE), np.float32)
        self._wide_steps = np.zeros_like(self._wide)

    def begin(self, masks: Sequence[Floats], to_crop: Affine, shape: tuple[int, ...]) -> Box | None:
        """Take the masks [S, S] of a run. Returns: the part of the frame that m~ covers, if any.

        to_crop: from the frame's pixels. shape: the frame's.
        """
        union, wide = masks[0], self._wide
        for mask in masks[1:]:
            cv2.max(union, mask, dst=wide)
            union = wide
        cv2.dilate(union, _GROWTH, dst=wide)
        cv2.GaussianBlur(
            wide,
            (_SOFTENING, _SOFTENING),
            SOFTNESS_PX,
            dst=wide,
            borderType=cv2.BORDER_CONSTANT,
        )
        np.multiply(wide, _BORDER, out=wide)
        np.multiply(wide, HALF, out=self._wide_steps)
        return _box_of(wide, to_crop, shape)

    def on_frame(
        self, correction: Floats, mask: Floats, to_crop: Affine, shape: tuple[int, ...]
    ) -> tuple[Floats, Floats]:
        """M~ c and a mask at the pixels of a part of the frame, in one reading.

        Shapes: correction [3, S, S], -1..1; mask [S, S]; to_crop from that part's pixels; shape,
        the part's. Returns: [h, w, 3] in steps of a byte, and [h, w]; exactly 0 beyond the crop.
        """
        height, width = shape[:2]
        planes = self._scratch("change in planes", 3, CROP_SIZE, CROP_SIZE)
        np.multiply(correction, self._wide_steps, out=planes)
        cv2.patchNaNs(planes.reshape(-1, CROP_SIZE), 0.0)  # else 0 times none blackens the box
        both = self._scratch("change and mask", CROP_SIZE, CROP_SIZE, 4)
        cv2.merge([*planes, mask], dst=both)
        read = self._scratch("change and mask read", height, width, 4)
        on_frame(both, to_crop, read)
        change = self._scratch("change", height, width, 3)
        weight = self._scratch("weight", height, width)
        cv2.mixChannels([read], [change, weight], [0, 0, 1, 1, 2, 2, 3, 3])
        return change, weight


def _box_of(wide: Floats, to_crop: Affine, shape: tuple[int, ...]) -> Box | None:
    """The part of the frame where the crop's mask is not 0; None if there is none."""
    rows, columns = np.flatnonzero(wide.max(1)), np.flatnonzero(wide.max(0))
    if rows.size == 0:
        return None
    # Between pixels, what is read reaches one pixel further.
    ends = [(x, y) for x in (columns[0] - 1, columns[-1] + 1) for y in (rows[0] - 1, rows[-1] + 1)]
    points = transform_points(invert_affine(to_crop), np.array(ends))
    left, top = np.maximum(np.floor(points.min(0)).astype(int), 0).tolist()
    right, bottom = np.minimum(np.ceil(points.max(0)).astype(int) + 1, shape[1::-1]).tolist()
    if right <= left or bottom <= top:
        return None
    return slice(top, bottom), slice(left, right)


def as_floats(pixels: Pixels, out: Floats) -> Floats:
    """Bytes as float32, [h, w, 3]."""
    np.copyto(out, pixels)
    return out


def finish(base: Floats, change: Floats, part: Pixels) -> None:
    """Write base + change into the frame, rounded once."""
    cv2.add(base, change, dst=part, dtype=cv2.CV_8U)
