"""MediaPipe's face landmarker for single pictures, wrapped once."""

from __future__ import annotations

from importlib import resources
from typing import Any

import mediapipe as mp
import numpy as np
from mediapipe.tasks.python import vision
from mediapipe.tasks.python.core.base_options import BaseOptions

from models.crop import MESH_POINTS
from models.training.prepare.outcomes import Mesh, Pixels


class Landmarker:
    """Finds the faces of single pictures, each looked at afresh.

    least_presence: 0..1, how sure the landmark model must be that it sees a face.
    Raises: OSError or RuntimeError if the model cannot be loaded.
    """

    def __init__(self, most_faces: int, least_presence: float) -> None:
        asset = resources.files("models") / "assets" / "face_landmarker.task"
        options = vision.FaceLandmarkerOptions(
            base_options=BaseOptions(model_asset_buffer=asset.read_bytes()),
            running_mode=vision.RunningMode.IMAGE,
            num_faces=most_faces,
            min_face_presence_confidence=least_presence,
        )
        self._detector = vision.FaceLandmarker.create_from_options(options)

    def meshes_in(self, pixels: Pixels) -> list[Mesh]:
        """The mesh of every face found, the largest first."""
        picture = mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(pixels))
        meshes = [
            _in_pixels(face, pixels) for face in self._detector.detect(picture).face_landmarks
        ]
        return sorted(meshes, key=lambda mesh: -float(np.ptp(mesh[:, 1])))

    def close(self) -> None:
        """Let go of the detector; needed before the interpreter ends."""
        self._detector.close()


def _in_pixels(face: Any, pixels: Pixels) -> Mesh:  # noqa: ANN401 - MediaPipe is untyped
    """Normalised landmarks to pixels: MediaPipe's 0..1 spans the picture edge to edge."""
    height, width = pixels.shape[:2]
    mesh = np.empty((MESH_POINTS, 3), np.float32)
    for row, point in zip(mesh, face, strict=True):
        row[:] = point.x * width - 0.5, point.y * height - 0.5, point.z * width
    return mesh
