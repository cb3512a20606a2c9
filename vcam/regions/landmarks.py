"""MediaPipe's face landmarker, wrapped once.

The only file that touches MediaPipe's untyped API. One detector belongs to one thread.
"""

from __future__ import annotations

from importlib import resources
from typing import Any

import mediapipe as mp
import numpy as np
from mediapipe.tasks.python import vision
from mediapipe.tasks.python.core.base_options import BaseOptions
from numpy.typing import NDArray

from vcam.errors import EditError
from vcam.frame import LANDMARK_COUNT, Pixels

Landmarks = NDArray[np.float32]
"""[478, 2] (x, y) in pixels, pixel centres at whole numbers."""


class PictureLandmarks:
    """Finds the faces of single pictures, each looked at afresh."""

    def __init__(self, most_faces: int = 4) -> None:
        self._detector = _landmarker(vision.RunningMode.IMAGE, most_faces)

    def faces_in(self, pixels: Pixels) -> list[Landmarks]:
        """Landmarks of every face found, the largest first; empty if there is none."""
        faces = _in_pixels(self._detector.detect(_picture(pixels)), pixels)
        return sorted(faces, key=lambda face: -float(np.ptp(face[:, 1])))

    def close(self) -> None:
        """Let go of the detector; needed before the interpreter ends."""
        self._detector.close()


class VideoLandmarks:
    """Follows one face through a video; faster and steadier than looking afresh."""

    def __init__(self) -> None:
        self._detector = _landmarker(vision.RunningMode.VIDEO, 1)
        self._last_ms = -1

    def face_in(self, pixels: Pixels, captured_ns: int) -> Landmarks | None:
        """Landmarks of the face in the next picture, or None."""
        self._last_ms = max(self._last_ms + 1, captured_ns // 1_000_000)  # must rise
        faces = _in_pixels(self._detector.detect_for_video(_picture(pixels), self._last_ms), pixels)
        return faces[0] if faces else None

    def close(self) -> None:
        """Let go of the detector; needed before the interpreter ends."""
        self._detector.close()


def _landmarker(mode: Any, most_faces: int) -> Any:  # noqa: ANN401 - MediaPipe is untyped
    asset = resources.files("models") / "assets" / "face_landmarker.task"
    try:
        model = asset.read_bytes()
        options = vision.FaceLandmarkerOptions(
            base_options=BaseOptions(model_asset_buffer=model),
            running_mode=mode,
            num_faces=most_faces,
        )
        return vision.FaceLandmarker.create_from_options(options)
    except (OSError, RuntimeError, ValueError) as error:
        raise EditError(
            "weights-damaged",
            f"The face landmarker could not be loaded: {error}.",
            "install vcam again: its file face_landmarker.task is missing or damaged",
        ) from error


def _picture(pixels: Pixels) -> Any:  # noqa: ANN401 - as above
    return mp.Image(image_format=mp.ImageFormat.SRGB, data=pixels)


def _in_pixels(result: Any, pixels: Pixels) -> list[Landmarks]:  # noqa: ANN401
    """Normalised landmarks to pixels: MediaPipe's 0..1 spans the picture edge to edge."""
    height, width = pixels.shape[:2]
    faces: list[Landmarks] = []
    for face in result.face_landmarks:
        points = np.empty((LANDMARK_COUNT, 2), np.float32)
        for row, point in zip(points, face, strict=True):
            row[0], row[1] = point.x * width - 0.5, point.y * height - 0.5
        faces.append(points)
    return faces
