"""What can become of a photo and of each face in it: the words of all parts and of the reports.

Light to import: the first process knows these and loads neither OpenCV nor MediaPipe.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
"""[H, W, 3], RGB."""

Mesh = NDArray[np.float32]
"""[478, 3]: x, y and depth (smaller is nearer) in pixels, pixel centres at whole numbers."""

HASH_WORDS = 4
"""Of 64 bits, in the perceptual hash of a face."""


class Reason(StrEnum):
    """Why a photo or a face is not in the shards; the words that reports show."""

    # of a whole photo
    UNREADABLE = "file cannot be opened"
    DAMAGED = "damaged, or no picture"
    TOO_LARGE = "too many pixels"
    CRASHED = "its reading crashed"
    TOO_SLOW = "its reading took too long"
    NO_FACE = "no face found"
    # of a face
    TOO_SMALL = "too small"
    CUT_OFF = "cut off by the photo's edge"
    IMPLAUSIBLE = "landmarks implausible"
    TURNED = "turned away too far"
    COVERED = "covered"
    BLURRED = "blurred"
    ALIKE = "seen before"


class PhotoError(Exception):
    """A photo that cannot be used: `reason`, and the details as the message."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Limits:
    """What a face must keep to; each limit is an option of the command."""

    least_side_px: float = 160.0  # of the crop in the photo: eyes 44 px apart, seen from the front
    most_outside: float = 0.10  # share of the crop that lies outside of the photo
    most_turn_deg: float = 65.0  # between the face's direction and the camera's
    most_blur: float = 0.68  # 0 sharp to 1: a crop blurred by 1.5 to 2 px (crops.blur_of)


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """A face that goes into a shard unless it was seen before."""

    picture: bytes  # WebP, 256 x 256
    landmarks: NDArray[np.float32]  # [478, 2], crop pixels
    face_hash: NDArray[np.uint64]  # [4]


@dataclass(frozen=True, slots=True)
class Dropped:
    """A face, or a whole photo, that does not."""

    reason: Reason
    detail: str = ""
    thumbnail: bytes | None = None  # WebP; None if there is no face to show


@dataclass(frozen=True, slots=True)
class Examined:
    """What became of a photo."""

    digest: str  # SHA-256 of the file; empty if it could not be read
    faces: list[Kept | Dropped]  # from the largest to the smallest; at least one, or why none
