"""Where things lie, for every form of the edit: boxes, steps, levels; numpy only."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from models.crop import invert_affine, transform_points
from vcam.frame import CROP_SIZE, Affine, LayerStyle

Box = tuple[slice, slice]
"""Rows and columns of a frame."""

LEAST_MIP_PX = 64
"""A picture whose shorter side is less is not halved again."""

_COARSER_FROM_PX = 1.6

_Work = TypeVar("_Work", bound=tuple[Any, ...])


def box_of_crop(to_crop: Affine, shape: tuple[int, ...]) -> Box | None:
    """The part of the frame that the crop covers; None if there is none."""
    corners = np.array([(x, y) for x in (-0.5, CROP_SIZE - 0.5) for y in (-0.5, CROP_SIZE - 0.5)])
    points = transform_points(invert_affine(to_crop), corners)
    left, top = np.maximum(np.floor(points.min(0)).astype(int) - 1, 0).tolist()
    right, bottom = np.minimum(np.ceil(points.max(0)).astype(int) + 2, shape[1::-1]).tolist()
    if right - left < 2 or bottom - top < 2:
        return None
    return slice(top, bottom), slice(left, right)


def from_corner(to_crop: Affine, top: int, left: int) -> Affine:
    """The map to crop pixels from pixels that are counted from a corner within the frame."""
    moved = to_crop.copy()
    moved[:, 2] += moved[:, :2] @ (left, top)
    return moved


def at_side(to_crop: Affine, side: int) -> Affine:
    """The map to the pixels of the same crop where it is `side` wide, as a network may want it."""
    scale = side / CROP_SIZE
    scaled = to_crop * scale
    scaled[:, 2] += (scale - 1) / 2  # pixel centres are at whole numbers at both sides
    return scaled


def supersampled(matrix: Affine) -> Affine:
    """The map from a grid of twice the side whose 2 x 2 means lie on the original's pixels."""
    halved = matrix.copy()
    halved[:, 2] += matrix[:, :2].sum(1) * -0.25
    halved[:, :2] *= 0.5
    return halved


def grid_lines(
    matrix: Affine, height: int, width: int, into: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A sampling grid in two parts, [width, 2] and [height, 2]: each point is the sum of its two.

    An affine map adds what the column gives to what the row gives, so a grid needs no more than
    its sides on its way to a device.
    matrix: pixels of a picture of this height and width -> pixels of another, whose width and
    height are `into`. Units: torch's, -1..1 from edge to edge.
    """
    scale = 2.0 / np.array(into)
    columns = np.arange(width)[:, None] * (matrix[:, 0] * scale)
    rows = np.arange(height)[:, None] * (matrix[:, 1] * scale)
    rows += (matrix[:, 2] + 0.5) * scale - 1.0
    return columns.astype(np.float32), rows.astype(np.float32)


def reference_step_px(warp: NDArray[np.float32]) -> float:
    """Pixels of the reference picture that one crop pixel spans, typically."""
    steps = np.linalg.norm(np.diff(warp, axis=1), axis=2)
    return float(np.median(steps)) * warp.shape[1] / CROP_SIZE


def mip_level(step_px: float, count: int) -> int:
    """Which of `count` halvings of a picture to read, 0 the picture itself.

    step_px: how far apart, in its pixels, neighbouring points are read. The level is the finest
    whose pixels are no finer than is needed.
    """
    level = 0
    while step_px >= _COARSER_FROM_PX and level + 1 < count:
        step_px, level = step_px / 2, level + 1
    return level


def layer_runs(work: Iterable[_Work]) -> list[list[_Work]]:
    """Neighbouring `follow` layers together, for one call of the network; any other by itself.

    work: tuples that begin with a layer's style.
    """

    def run_of(numbered: tuple[int, _Work]) -> int:
        number, one = numbered
        style: LayerStyle = one[0]
        return -1 if style.mode == "follow" else number

    return [[one for _, one in run] for _, run in itertools.groupby(enumerate(work), key=run_of)]
