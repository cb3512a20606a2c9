"""Follows the user's face from frame to frame and aligns the crop with it.

Runs on the engine's landmarks thread. Landmarks are taken as MediaPipe gives them, so that the
edit never lags behind the face; only the crop's transform is smoothed, so that what the network
sees does not shiver.
"""

from __future__ import annotations

import math

import numpy as np

from models.crop import CropKind, crop_matrix, matrix_from_similarity, similarity_parameters
from vcam.frame import CROP_SIZE, Frame, TrackedFace
from vcam.regions.landmarks import VideoLandmarks
from vcam.regions.smoothing import OneEuro

LOST_AFTER_S = 1.0
"""A face that was gone longer than this is a new one."""

# In units of the crop's side: at rest a 2 Hz low-pass, at one side a second about 40 Hz.
_MIN_CUTOFF_HZ, _BETA = 2.0, 40.0


class FaceTracker:
    """One face, followed.

    crop_kind: the weights' own alignment, `face` or `ffhq` (models.crop).
    """

    def __init__(self, crop_kind: CropKind) -> None:
        self._crop_kind: CropKind = crop_kind
        self._landmarks = VideoLandmarks()
        self._filter = OneEuro(_MIN_CUTOFF_HZ, _BETA)
        self._id = 0
        self._seen_ns: int | None = None

    def track(self, frame: Frame) -> TrackedFace | None:
        """The face in this frame, or None if none is found."""
        landmarks = self._landmarks.face_in(frame.pixels, frame.captured_ns)
        if landmarks is None:
            return None
        if self._seen_ns is None or frame.captured_ns - self._seen_ns > LOST_AFTER_S * 1e9:
            self._id += 1
            self._filter.reset()
        self._seen_ns = frame.captured_ns
        pose = similarity_parameters(crop_matrix(landmarks, self._crop_kind, CROP_SIZE), CROP_SIZE)
        side_px = CROP_SIZE / math.exp(pose[0])
        unit = np.array([1.0, 1.0, side_px, side_px])  # so that all four move by like amounts
        pose = self._filter(pose / unit, frame.captured_ns) * unit
        return TrackedFace(self._id, landmarks, matrix_from_similarity(pose, CROP_SIZE))

    def close(self) -> None:
        """Let go of the landmarker."""
        self._landmarks.close()
