"""The craft behind the built-in faces: landmarks, dense warps, pyramids and mattes.

Not part of the running product: `make_references` and `make_presenter` use it to make the pictures
under `models/assets` again. Pictures are float32 RGB in 0..1, shape (H, W, 3). Landmarks are
MediaPipe's 478 points as (x, y) in picture pixels, the centre of the first pixel at (0, 0).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any

import cv2
import mediapipe as mp
import numpy as np
from mediapipe.tasks.python import vision
from mediapipe.tasks.python.core.base_options import BaseOptions
from numpy.typing import NDArray

Array = NDArray[Any]

# fmt: off
OVAL = [10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
        152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109]
RIGHT_EYE = [33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7]
LEFT_EYE = [263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249]
LIPS = [61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146]
INNER_LIPS = [78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178,
              88, 95]
RIGHT_BROW = [70, 63, 105, 66, 107, 55, 65, 52, 53, 46]
LEFT_BROW = [300, 293, 334, 296, 336, 285, 295, 282, 283, 276]
# fmt: on


@dataclass(frozen=True, slots=True)
class Face:
    """One source picture with its landmarks: pixels (H, W, 3) float32 0..1, landmarks (478, 2)."""

    name: str
    pixels: Array
    landmarks: Array


class Landmarker:
    """MediaPipe's face landmarker on single pictures; a context manager."""

    def __init__(self, task: Path) -> None:
        options = vision.FaceLandmarkerOptions(
            base_options=BaseOptions(model_asset_path=str(task)),
            running_mode=vision.RunningMode.IMAGE,
        )
        self._net = vision.FaceLandmarker.create_from_options(options)

    def __enter__(self) -> Landmarker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._net.close()

    def __call__(self, pixels: Array) -> Array:
        """Find the (478, 3) points of the only face; z is in pixels too, smaller is nearer."""
        rgb = np.ascontiguousarray(to_bytes(pixels))
        found = self._net.detect(mp.Image(image_format=mp.ImageFormat.SRGB, data=rgb))
        if not found.face_landmarks:
            raise ValueError("no face found in the picture")
        height, width = rgb.shape[:2]
        return np.array([(p.x * width, p.y * height, p.z * width) for p in found.face_landmarks[0]])


def to_bytes(pixels: Array) -> Array:
    """Round float 0..1 to uint8."""
    return np.clip(pixels * 255.0 + 0.5, 0, 255).astype(np.uint8)


def similarity(source: Array, target: Array) -> Array:
    """Least-squares rotation, scale and shift (2, 3) from points `source` to `target` (N, 2)."""
    s_mean, t_mean = source.mean(0), target.mean(0)
    s, t = source - s_mean, target - t_mean
    scale = (s * s).sum()
    a = (s * t).sum() / scale
    b = (s[:, 0] * t[:, 1] - s[:, 1] * t[:, 0]).sum() / scale
    linear = np.array([[a, -b], [b, a]])
    return np.column_stack((linear, t_mean - linear @ s_mean))


def transform(matrix: Array, points: Array) -> Array:
    """Apply a (2, 3) matrix to points (N, 2)."""
    return points @ matrix[:, :2].T + matrix[:, 2]


class Plate:
    """A thin plate through `values` (N, C) at points `at` (N, 2): smooth between and beyond them.

    `smooth` lets it pass by its points a little, about half a pixel at 1e-2: landmarks tremble
    where an outline is seen edge on, and those of closed lips coincide.
    Source: Bookstein, "Principal Warps" (1989), with ridge smoothing.
    """

    def __init__(self, at: Array, values: Array, smooth: float = 1e-2) -> None:
        self._unit = float(np.ptp(at, axis=0).max())
        self._at = at / self._unit
        count = len(at)
        kernel = self._radial(self._at) + smooth * np.eye(count)
        affine = np.column_stack((np.ones(count), self._at))
        system = np.block([[kernel, affine], [affine.T, np.zeros((3, 3))]])
        self._weights = np.linalg.solve(
            system, np.concatenate((values, np.zeros((3, values.shape[1]))))
        )

    def _radial(self, points: Array) -> Array:
        squared = ((points[:, None] - self._at[None]) ** 2).sum(-1)
        return squared * np.log(squared + 1e-9)

    def __call__(self, points: Array) -> Array:
        """The plate's values (M, C) at points (M, 2)."""
        points = points / self._unit
        affine = np.column_stack((np.ones(len(points)), points))
        return self._radial(points) @ self._weights[:-3] + affine @ self._weights[-3:]

    def over(self, size: tuple[int, int], step: int = 4) -> Array:
        """The plate over a picture of `size` (height, width): float32 (height, width, C)."""
        height, width = size
        rows, cols = np.arange(0, height + step, step), np.arange(0, width + step, step)
        points = np.stack(np.meshgrid(cols, rows), -1).reshape(-1, 2)
        coarse = self(points).reshape(len(rows), len(cols), -1).astype(np.float32)
        x, y = np.meshgrid(np.arange(width) / step, np.arange(height) / step)
        return cv2.remap(coarse, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR)


def sample(
    picture: Array,
    flow: Array,
    interpolation: int = cv2.INTER_CUBIC,
    border: int = cv2.BORDER_REPLICATE,
) -> Array:
    """Read the picture at the places `flow` (H, W, 2) names, as (x, y) in its pixels."""
    x, y = (np.ascontiguousarray(flow[..., i], np.float32) for i in (0, 1))
    return cv2.remap(picture, x, y, interpolation, borderMode=border)


def warp(face: Face, target: Array, size: tuple[int, int], anchors: Array | None = None) -> Array:
    """Bend a face so that its landmarks fall on `target`; `anchors` are points that stay put."""
    at, values = target, face.landmarks
    if anchors is not None:
        at, values = np.concatenate((at, anchors)), np.concatenate((values, anchors))
    flow = Plate(at, values).over(size)
    return np.clip(sample(face.pixels, flow, cv2.INTER_LANCZOS4, cv2.BORDER_REFLECT_101), 0.0, 1.0)


def border_points(size: tuple[int, int], count: int = 8) -> Array:
    """`count` points along each side of the picture."""
    height, width = size
    t = np.linspace(0, 1, count, endpoint=False)
    top = np.column_stack((t * (width - 1), np.zeros(count)))
    right = np.column_stack((np.full(count, width - 1), t * (height - 1)))
    return np.concatenate(
        (top, right, [[width - 1, height - 1]] - top, [[0, height - 1]] + right * [0, -1])
    )


def curve(points: Array, count: int = 60) -> Array:
    """A smooth line (count, 2) through the points (N, 2): Catmull-Rom."""
    padded = np.concatenate((2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]))
    t = np.linspace(0, len(points) - 1 - 1e-9, count)
    i, u = t.astype(int), (t % 1)[:, None]
    a, b, c, d = padded[i], padded[i + 1], padded[i + 2], padded[i + 3]
    return 0.5 * (
        2 * b + (c - a) * u + (2 * a - 5 * b + 4 * c - d) * u**2 + (3 * b - a - 3 * c + d) * u**3
    )


def polygon(points: Array, size: tuple[int, int], feather: float = 0.0) -> Array:
    """Fill a polygon (N, 2): float32 mask 0..1, its edge softened by a Gaussian of `feather` px."""
    mask = np.zeros(size, np.float32)
    fixed = np.round(points * 16).astype(np.int32)
    cv2.fillPoly(mask, [fixed], (1.0,), cv2.LINE_AA, 4)
    return blur(mask, feather)


def blur(picture: Array, sigma: float) -> Array:
    """Gaussian of `sigma` pixels; 0 leaves the picture alone."""
    if sigma <= 0:
        return picture
    return cv2.GaussianBlur(picture, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)


def gaussian_pyramid(picture: Array, levels: int) -> list[Array]:
    """The picture, and `levels` times half of it."""
    pyramid = [picture]
    for _ in range(levels):
        pyramid.append(cv2.pyrDown(pyramid[-1]))
    return pyramid


def laplacian_pyramid(picture: Array, levels: int) -> list[Array]:
    """Bands from fine to coarse; the last is what remains.

    Source: Burt and Adelson, "A Multiresolution Spline" (1983).
    """
    levels_of = gaussian_pyramid(picture, levels)
    fine = [a - cv2.pyrUp(b, dstsize=a.shape[1::-1]) for a, b in pairwise(levels_of)]
    return [*fine, levels_of[-1]]


def collapse(pyramid: Sequence[Array]) -> Array:
    """Put the bands of a Laplacian pyramid together again."""
    picture = pyramid[-1]
    for band in reversed(pyramid[:-1]):
        picture = band + cv2.pyrUp(picture, dstsize=band.shape[1::-1])
    return picture


def matte(picture: Array, landmarks: Array, hair_below: float = 0.0) -> Array:
    """Cut a head from its background: alpha (H, W), 0..1.

    hair_below: about the head, what is darker than this (0..1) is surely hair.
    Source: GrabCut (Rother et al. 2004) from the landmarks, edge refined by a guided filter
    (He et al. 2010). Long hair at the picture's border needs a better way.
    """
    height, width = picture.shape[:2]
    tall = float(np.linalg.norm(landmarks[152] - landmarks[10]))
    centre = landmarks[[10, 152]].mean(0)
    chin = int(landmarks[152, 1])
    guess = np.full((height, width), cv2.GC_PR_BGD, np.uint8)
    middle = (int(centre[0]), int(centre[1] - 0.08 * tall))
    cv2.ellipse(guess, middle, (int(0.58 * tall), int(0.72 * tall)), 0, 0, 360, cv2.GC_PR_FGD, -1)
    guess[chin:, int(max(centre[0] - 0.75 * tall, 0)) : int(centre[0] + 0.75 * tall)] = (
        cv2.GC_PR_FGD
    )
    oval = landmarks[OVAL]
    inner = oval.mean(0) + (oval - oval.mean(0)) * 0.95
    left, right = landmarks[172, 0] + 0.05 * tall, landmarks[397, 0] - 0.05 * tall
    neck = np.array(
        [[left, landmarks[172, 1]], [right, landmarks[397, 1]], [right, height], [left, height]]
    )
    for sure in (inner, neck):
        cv2.fillPoly(guess, [np.round(sure).astype(np.int32)], (cv2.GC_FGD,))
    above = max(int(landmarks[10, 1] - 0.1 * tall), 1)
    guess[:above, :4] = guess[:above, -4:] = cv2.GC_BGD
    rows, cols = np.indices((height, width))
    far = np.hypot((cols - centre[0]) / 0.72, (rows - centre[1]) / 1.05) > tall
    guess[far & (rows < chin + 0.1 * tall)] = cv2.GC_BGD
    near = np.hypot((cols - centre[0]) / 0.66, (rows - centre[1]) / 1.0) < tall
    guess[near & (picture.max(2) < hair_below)] = cv2.GC_FGD
    cv2.setRNGSeed(1)
    bgr = np.ascontiguousarray(to_bytes(picture)[:, :, ::-1])
    cv2.grabCut(
        bgr, guess, (0, 0, 1, 1), np.zeros((1, 65)), np.zeros((1, 65)), 6, cv2.GC_INIT_WITH_MASK
    )
    solid = np.isin(guess, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    solid = cv2.morphologyEx(
        solid, cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9))
    )
    _, pieces = cv2.connectedComponents(solid)
    solid = (pieces == pieces[int(centre[1]), int(centre[0])]).astype(np.uint8)
    outline, _ = cv2.findContours(solid, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    solid = cv2.drawContours(np.zeros((height, width), np.float32), outline, -1, (1.0,), cv2.FILLED)
    alpha = cv2.ximgproc.guidedFilter(picture, blur(solid, 1.0), 5, 1e-4)
    return np.clip(alpha, 0, 1)


def skin_likeness(picture: Array, landmarks: Array) -> Array:
    """How much every pixel looks like this face's own skin (H, W): 1 skin, 0 hair or cloth."""
    unit = float(np.linalg.norm(landmarks[33] - landmarks[263])) / 100
    tones = cv2.cvtColor(blur(picture, 1.2 * unit), cv2.COLOR_RGB2LAB)
    spots = landmarks[[50, 280, 205, 425, 151, 9, 108, 337]].astype(int)
    skin = np.median(tones[spots[:, 1], spots[:, 0]], 0)
    distance = np.abs(tones - skin) / (26, 12, 14)
    return blur(np.clip(2.0 - distance.max(2), 0, 1).astype(np.float32), 2 * unit)
