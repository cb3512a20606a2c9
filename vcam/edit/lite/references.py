"""A reference made ready for reading, each part at its first use."""

from __future__ import annotations

import cv2
import numpy as np

from models.crop import CropKind, crop_matrix
from vcam.edit.geometry import LEAST_MIP_PX
from vcam.edit.lite.network_input import in_planes
from vcam.edit.lite.palette import log_of
from vcam.edit.lite.sampling import crop_of
from vcam.edit.lite.scratch import Floats
from vcam.frame import CROP_SIZE, Pixels, Reference

KEPT_REFERENCES = 8  # as many as there can be layers; a level of one is at most 12 MB


class PreparedReference:
    """One reference: its picture in log colours, in halving sizes, and its own crop."""

    def __init__(self, reference: Reference, crop_kind: CropKind) -> None:
        self._reference = reference
        self._crop_kind: CropKind = crop_kind
        self._levels: dict[int, Floats] = {}
        self._planes: Floats | None = None
        side = min(reference.pixels.shape[:2])
        self.level_count = 1
        while side >= LEAST_MIP_PX:
            side, self.level_count = side // 2, self.level_count + 1

    def level(self, index: int) -> Floats:
        """The picture in log colours, each pixel the mean of 2^index squared, [h, w, 3]."""
        if index not in self._levels:
            pixels = self._reference.pixels
            level = log_of(pixels, np.empty(pixels.shape, np.float32))
            height, width = (side >> index for side in pixels.shape[:2])
            if index:
                whole = level[: height << index, : width << index]
                level = np.asarray(
                    cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA), np.float32
                )
            self._levels[index] = level
        return self._levels[index]

    def planes(self) -> Floats:
        """Its own crop as the network wants it, [3, S, S], -1..1: what `replace` blends with."""
        if self._planes is None:
            to_crop = crop_matrix(self._reference.landmarks, self._crop_kind)
            crop: Pixels = np.empty((CROP_SIZE, CROP_SIZE, 3), np.uint8)
            double: Pixels = np.empty((2 * CROP_SIZE, 2 * CROP_SIZE, 3), np.uint8)
            crop_of(self._reference.pixels, to_crop, crop, double)
            planes = np.empty((3, CROP_SIZE, CROP_SIZE), np.float32)
            in_planes(crop, np.empty(planes.shape, np.uint8), planes)
            self._planes = planes
        return self._planes
