"""What the network is shown: the crop, the crop with the paste, and the mask, in kept memory."""

from __future__ import annotations

from typing import Protocol

import cv2
import numpy as np

from vcam.edit.lite.sampling import crop_of
from vcam.edit.lite.scratch import Floats
from vcam.frame import CROP_SIZE, Affine, Pixels

HALF = np.float32(127.5)
"""Steps of a byte that 1 is, where the network's -1..1 spans all 255."""


class SmallNetwork(Protocol):
    """What the edit needs of the network (models.lite.runtime.LiteNetwork)."""

    def correct(self, pair: Floats, mask: Floats) -> Floats:
        """Crop and paste [2, 3, S, S], -1..1, and t m [1, 1, S, S] to c [1, 3, S, S]."""
        ...

    def follow(self, pair: Floats, mask: Floats) -> Floats:
        """The same to [y0, y1, yp] [3, 3, S, S]."""
        ...


class NetworkInput:
    """The network's input arrays, and the crop as it was read.

    crop: [S, S, 3] uint8. pair: [2, 3, S, S], -1..1. mask: [S, S], to be filled by the caller.
    """

    def __init__(self, network: SmallNetwork) -> None:
        self._network = network
        self.crop: Pixels = np.empty((CROP_SIZE, CROP_SIZE, 3), np.uint8)
        self.pair = np.empty((2, 3, CROP_SIZE, CROP_SIZE), np.float32)
        self._mask = np.empty((1, 1, CROP_SIZE, CROP_SIZE), np.float32)
        self.mask = self._mask[0, 0]
        self._double: Pixels = np.empty((2 * CROP_SIZE, 2 * CROP_SIZE, 3), np.uint8)
        self._byte_planes: Pixels = np.empty((3, CROP_SIZE, CROP_SIZE), np.uint8)

    def look(self, picture: Pixels, to_crop: Affine) -> None:
        """Read the crop, and make it the pair's first picture."""
        crop_of(picture, to_crop, self.crop, self._double)
        in_planes(self.crop, self._byte_planes, self.pair[0])

    def show(self, pasted: Floats) -> None:
        """Make a picture [S, S, 3], 0..255, the pair's second."""
        cv2.split(pasted, list(self.pair[1]))
        np.divide(self.pair[1], HALF, out=self.pair[1])
        np.subtract(self.pair[1], np.float32(1.0), out=self.pair[1])

    def correction(self) -> Floats:
        """C, [3, S, S], -1..1."""
        return self._network.correct(self.pair, self._mask)[0]

    def pictures(self) -> Floats:
        """[y0, y1, yp], [3, 3, S, S], -1..1."""
        return self._network.follow(self.pair, self._mask)


def in_planes(pixels: Pixels, byte_planes: Pixels, out: Floats) -> None:
    """Bytes [S, S, 3] to planes [3, S, S], -1..1; byte_planes is memory for the way."""
    cv2.split(pixels, list(byte_planes))
    rows, planes = byte_planes.reshape(-1, pixels.shape[1]), out.reshape(-1, pixels.shape[1])
    cv2.addWeighted(rows, 1.0 / float(HALF), rows, 0.0, -1.0, dst=planes, dtype=cv2.CV_32F)
