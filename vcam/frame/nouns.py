"""The nouns of the hot path.

Convention: pictures are RGB uint8 [H, W, 3]; points are (x, y) in pixels of the picture they
belong to, pixel centres at whole numbers; affine matrices are (2, 3) and map (x, y, 1); time is
`time.monotonic_ns()`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

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
class Reference:
    """A face to edit toward.

    id: `[a-z0-9-]{1,64}`. pixels: [h, w, 3], at most 1024 on its longer side.
    landmarks: [478, 2] float32 in those pixels.
    """

    id: str
    pixels: Pixels
    landmarks: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class LayerStyle:
    """What the user wants of one layer, with its reference at hand.

    regions: names of `vcam.config.settings.REGIONS`. strength, tone, detail: 0..1, the master
    strength already multiplied in.
    """

    regions: tuple[str, ...]
    reference: Reference
    strength: float
    mode: Literal["follow", "replace"]
    tone: float
    detail: float


@dataclass(frozen=True, slots=True, eq=False)
class LayerGeometry:
    """Where one layer acts in one frame.

    mask: [256, 256] float32 in crop pixels, 0..1, 1 = edit, 0 along the crop's border.
    warp: [G, G, 2] float32; a grid of cells laid evenly over the crop that says, at each cell's
        centre, which (x, y) of the reference picture, in its pixels, belongs there.
    """

    mask: NDArray[np.float32]
    warp: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class FaceShape:
    """Where the layers act on one face in one frame.

    skin: [256, 256] float32 in crop pixels, 0..1, 1 = surely the user's skin (their palette is
        measured there). layers: one for each LayerStyle, in the same order.
    """

    skin: NDArray[np.float32]
    layers: tuple[LayerGeometry, ...]


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
