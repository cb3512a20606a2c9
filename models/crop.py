"""The aligned square face that the networks see; numpy only.

The alignment is part of the weights' contract: training and live editing both crop with these
functions.

Convention (everywhere in this module): points are (x, y), x to the right, y down, in pixels, with
pixel centres at whole numbers, so a picture of side n spans -0.5..n - 0.5 and its centre is
(n - 1) / 2: 127.5 for 256. Matrices are (2, 3), float64, and map the column (x, y, 1). Angles are
in radians, positive from x toward y, which is clockwise as seen.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

CropKind = Literal["face", "ffhq"]
"""`ffhq`: FFHQ's and CelebA-HQ's square. `face`: a tenth tighter, and lower, for a live face."""

Points = NDArray[np.float64]
"""(N, 2)."""

Matrix = NDArray[np.float64]
"""(2, 3)."""

MESH_POINTS = 478
"""MediaPipe's face mesh with irises."""

# Where the mesh has what FFHQ's rule reads from dlib's 68 points: each eye's corners and lids,
# and the corners of the mouth. Right is the person's right, on the left of the picture.
_RIGHT_EYE = [33, 133, 159, 145]
_LEFT_EYE = [362, 263, 386, 374]
_MOUTH_CORNERS = [61, 291]

# (side of FFHQ's square, centre's way from the eyes to the mouth)
_SQUARES: dict[CropKind, tuple[float, float]] = {"ffhq": (1.0, 0.10), "face": (0.9, 0.16)}


def crop_matrix(landmarks: ArrayLike, kind: CropKind, size: int = 256) -> Matrix:
    """Find where the crop lies: the similarity from frame pixels to crop pixels.

    The square stands upright to the face: its x axis is the mean of the line between the eyes
    and the normal of the line from eyes to mouth; its side is 4 eye distances or 3.6 eye-mouth
    distances, whichever is more (times 0.9 for `face`).
    Shapes: landmarks [478, 2 or more], frame pixels, a third column is ignored; returns (2, 3).
    Raises: ValueError if the landmarks are no face mesh, not finite or all in one place, or the
    kind is unknown.
    Source: FFHQ's alignment (Karras et al., CVPR 2019, arXiv 1812.04948, appendix A) with
    MediaPipe's points; `face` is ours.
    """
    if kind not in _SQUARES:
        raise ValueError(f"crop kind '{kind}' is unknown, there are {sorted(_SQUARES)}")
    points = np.asarray(landmarks, np.float64)
    if points.ndim != 2 or points.shape[0] != MESH_POINTS or points.shape[1] < 2:
        raise ValueError(f"landmarks are {points.shape}, must be ({MESH_POINTS}, 2)")
    points = points[:, :2]

    right, left = points[_RIGHT_EYE].mean(0), points[_LEFT_EYE].mean(0)
    eyes, mouth = (right + left) / 2, points[_MOUTH_CORNERS].mean(0)
    across, down = left - right, mouth - eyes
    axis = across + np.array([down[1], -down[0]])  # down, a quarter turn back, points across
    length = np.hypot(*axis)
    if not np.isfinite(length) or length < 1e-6:
        raise ValueError("landmarks lie in one place or are not finite; they show no face")

    scale_of_square, lowered = _SQUARES[kind]
    half_side = max(2.0 * np.hypot(*across), 1.8 * np.hypot(*down)) * scale_of_square
    scale = size / 2 / half_side
    angle = -np.arctan2(axis[1], axis[0])  # the crop turns the face upright
    centre = eyes + lowered * down
    return matrix_from_similarity(np.array([np.log(scale), angle, *centre]), size)


def matrix_from_similarity(parameters: ArrayLike, size: int = 256) -> Matrix:
    """Build a crop's matrix from its similarity parameters; undoes `similarity_parameters`.

    Shapes: parameters [4]; returns (2, 3), frame pixels to crop pixels.
    """
    log_scale, angle, x, y = np.asarray(parameters, np.float64)
    a, b = np.exp(log_scale) * np.cos(angle), np.exp(log_scale) * np.sin(angle)
    middle = (size - 1) / 2
    return np.array([[a, -b, middle - a * x + b * y], [b, a, middle - b * x - a * y]])


def similarity_parameters(matrix: ArrayLike, size: int = 256) -> NDArray[np.float64]:
    """Take a crop's matrix apart into four numbers that can each be smoothed over time.

    The place is the frame point under the crop's centre, not the matrix's last column: that one
    also holds scale and angle times the distance from the frame's corner, so their jitter would
    come back as jitter of the place.
    Returns: [4]: natural log of the scale (crop pixels a frame pixel), angle in -pi..pi (it jumps
    by 2 pi where a head turns over), x and y of the crop's centre in frame pixels.
    Raises: ValueError if the matrix is not a similarity without reflection.
    """
    m = _as_matrix(matrix)
    a, b = m[0, 0], m[1, 0]
    if not np.allclose(m[:, 1], [-b, a], rtol=0, atol=1e-6 * np.hypot(a, b)):
        raise ValueError("matrix is not a similarity")
    middle = (size - 1) / 2
    centre = transform_points(invert_affine(m), np.array([[middle, middle]]))[0]
    return np.array([np.log(np.hypot(a, b)), np.arctan2(b, a), *centre])


def invert_affine(matrix: ArrayLike) -> Matrix:
    """Turn the matrix round: crop pixels to frame pixels, if it was frame to crop.

    Raises: ValueError if it cannot be inverted.
    """
    m = _as_matrix(matrix)
    determinant = m[0, 0] * m[1, 1] - m[0, 1] * m[1, 0]
    if not np.isfinite(determinant) or determinant == 0:
        raise ValueError("matrix cannot be inverted")
    linear = np.array([[m[1, 1], -m[0, 1]], [-m[1, 0], m[0, 0]]]) / determinant
    return np.column_stack([linear, -linear @ m[:, 2]])


def transform_points(matrix: ArrayLike, points: ArrayLike) -> Points:
    """Map points (N, 2) through a (2, 3) matrix."""
    m = _as_matrix(matrix)
    return np.asarray(points, np.float64) @ m[:, :2].T + m[:, 2]


def _as_matrix(matrix: ArrayLike) -> Matrix:
    m = np.asarray(matrix, np.float64)
    if m.shape != (2, 3):
        raise ValueError(f"matrix is {m.shape}, must be (2, 3)")
    return m
