"""RGB to I420, the form in which virtual cameras and video files want a picture.

Convention: BT.601, limited range (Y 16..235, chroma 16..240), planes Y, U, V one after the other.
v4l2loopback has no field that readers trust for the matrix, and without one they all take BT.601
(V4L2's own default for this case); video files say in their header that it is BT.601. One
conversion serves both.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vcam.frame.nouns import Pixels

_LIMITED = np.round(128 + (np.arange(256) - 128) * (224 / 255)).astype(np.uint8)


class I420Converter:
    """Converts pictures of one size into a buffer it keeps.

    Raises: ValueError if width or height is odd: chroma has half of each.
    """

    def __init__(self, width: int, height: int) -> None:
        if width % 2 or height % 2:
            raise ValueError(f"I420 needs even sizes, not {width}x{height}")
        self.planes: NDArray[np.uint8] = np.empty((height * 3 // 2, width), np.uint8)
        half = height // 2, width // 2
        chroma = self.planes.reshape(-1)[height * width :]
        self._u, self._v = chroma.reshape(2, *half)
        self._half: Pixels = np.empty((*half, 3), np.uint8)
        self._plane: NDArray[np.uint8] = np.empty(half, np.uint8)

    def convert(self, pixels: Pixels) -> NDArray[np.uint8]:
        """The picture as I420, [H * 3 / 2, W]; the same buffer every time.

        OpenCV's own conversion takes the chroma of every second pixel of every second row, which
        frays coloured edges; here it comes from the average of four.
        """
        cv2.cvtColor(pixels, cv2.COLOR_RGB2YUV_I420, dst=self.planes)
        height, width = self._plane.shape
        cv2.resize(pixels, (width, height), dst=self._half, interpolation=cv2.INTER_AREA)
        cv2.cvtColor(self._half, cv2.COLOR_RGB2YCrCb, dst=self._half)
        for channel, plane in ((2, self._u), (1, self._v)):
            cv2.extractChannel(self._half, channel, self._plane)
            cv2.LUT(self._plane, _LIMITED, dst=plane)
        return self.planes
