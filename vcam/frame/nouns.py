"""The nouns of the hot path.

Convention: pictures are RGB uint8 [H, W, 3]; points are (x, y) in pixels of the picture they
belong to, pixel centres at whole numbers; affine matrices are (2, 3) and map (x, y, 1); time is
`time.monotonic_ns()`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
"""RGB picture, [H, W, 3], C-contiguous."""

Affine = NDArray[np.float64]
"""(2, 3) matrix from one picture's pixels to another's."""

LANDMARK_COUNT = 478
"""MediaPipe's face mesh with irises."""

CROP_SIZE = 256
"""Side of the crop that masks and warps are made for, in crop pixels."""


class Look(IntEnum):
    """What a frame shows of the user; the publisher lets OWN out only where the user allows it."""

    STYLED = 1
    OWN = 2


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A picture from the source, fitted to the output size.

    pixels: [H, W, 3]. seq: counts the source's frames from 0; a gap is a drop.
    captured_ns: when the source handed it over.
    """

    pixels: Pixels
    seq: int
    captured_ns: int


@dataclass(frozen=True, slots=True, eq=False)
class TrackedFace:
    """One face in one frame.

    id: the same person keeps it from frame to frame.
    landmarks: [478, 2] float32, frame pixels.
    to_crop: frame pixels -> crop pixels, smoothed over time.
    """

    id: int
    landmarks: NDArray[np.float32]
    to_crop: Affine


@dataclass(frozen=True, slots=True, eq=False)
class LayerGeometry:
    """Where one layer acts in one frame.

    mask: [256, 256] float32 in crop pixels, 0..1, 1 = edit.
    warp: [G, G, 2] float32; a grid laid evenly over the crop, cell centres, that says which
        (x, y) of the reference picture, in its pixels, belongs there. None in mode `replace`.
    """

    mask: NDArray[np.float32]
    warp: NDArray[np.float32] | None


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """A face to edit toward.

    id: `[a-z0-9-]{1,64}`. pixels: [h, w, 3], at most 1024 on its longer side.
    landmarks: [478, 2] float32 in those pixels.
    """

    id: str
    pixels: Pixels
    landmarks: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class PublishedFrame:
    """A finished frame on its way from engine to publisher.

    revision: of the settings it was made under. edited_ns: when it was finished.
    """

    pixels: Pixels
    seq: int
    captured_ns: int
    edited_ns: int
    look: Look
    revision: int
