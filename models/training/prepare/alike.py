"""Whether a face was seen before: a perceptual hash of the crop, and where its landmarks lie.

All crops are aligned faces, so hashes of whole photos would be too coarse: these have 256 bits,
and the expression must agree as well. Found again are copies at another size, quality, format or
frame, and neighbouring frames of a video; another moment of the same person is another face.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from models.training.prepare.outcomes import HASH_WORDS, Pixels

MOST_BITS_APART = 24
MOST_PX_APART = 2.0

_SIDE = 16
# Lids, brows, lips, tip of the nose, chin, cheeks: these tell expression and direction.
_POINTS = [159, 145, 386, 374, 105, 334, 61, 291, 13, 14, 1, 152, 234, 454, 468, 473]
_GROWTH = 4096


def perceptual_hash(crop: Pixels) -> NDArray[np.uint64]:
    """256 bits: is the crop, at 17 x 16, brighter or darker toward the right. Returns [4]."""
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float32)
    small = cv2.resize(grey, (_SIDE + 1, _SIDE), interpolation=cv2.INTER_AREA)
    return np.packbits(small[:, 1:] > small[:, :-1]).view(np.uint64)


class SeenFaces:
    """The faces so far; asking costs a millisecond for each hundred thousand of them."""

    def __init__(self) -> None:
        self._count = 0
        self._hashes = np.empty((_GROWTH, HASH_WORDS), np.uint64)
        self._points = np.empty((_GROWTH, len(_POINTS), 2), np.float32)

    def find_or_add(
        self, face_hash: NDArray[np.uint64], landmarks: NDArray[np.floating]
    ) -> int | None:
        """The number of a face that is alike, counted from 0 as they were added; or add this one.

        Shapes: face_hash [4]; landmarks [478, 2 or more], crop pixels.
        """
        points = landmarks[_POINTS, :2]
        # The first word alone rules most of them out, and is a quarter of the work.
        first_word = np.bitwise_count(self._hashes[: self._count, 0] ^ face_hash[0])
        maybe = np.flatnonzero(first_word <= MOST_BITS_APART)
        differing = np.bitwise_count(self._hashes[maybe] ^ face_hash).sum(1)
        for number in maybe[differing <= MOST_BITS_APART].tolist():
            apart = np.linalg.norm(self._points[number] - points, axis=1).mean()
            if apart <= MOST_PX_APART:
                return number
        if self._count == len(self._hashes):
            self._hashes = np.concatenate((self._hashes, np.empty_like(self._hashes)))
            self._points = np.concatenate((self._points, np.empty_like(self._points)))
        self._hashes[self._count], self._points[self._count] = face_hash, points
        self._count += 1
        return None
