"""The demo presenter's face as points in space: expressions bend it, the head's turn moves it.

Points are (x, y, z) in pixels of the frame, z from MediaPipe, smaller is nearer.
"""

from __future__ import annotations

import numpy as np

from models.assets import morph
from models.assets.makeup import LEFT, RIGHT, Side
from models.assets.morph import Array, Plate
from models.assets.performance import Pose

FOCAL_PX = 1500.0
CENTRE = np.array([640.0, 385.0])  # of the face in the frame, and of the view
NECK = np.array([640.0, 600.0, 105.0])  # the head turns about it
FLAT_PX = 50.0  # what lies deeper than this is drawn as if it lay nearer

# fmt: off
UPPER_INNER = morph.INNER_LIPS[:11]  # from the right corner of the mouth to the left one
LOWER_INNER = [78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308]
UPPER_LIP = {*UPPER_INNER, *morph.LIPS[:11], 76, 184, 74, 73, 72, 11, 302, 303, 304, 408, 306,
             62, 183, 42, 41, 38, 12, 268, 271, 272, 407, 292}
LOWER_LIP = {*LOWER_INNER[1:-1], *morph.LIPS[11:], 77, 90, 180, 85, 16, 315, 404, 320, 307,
             96, 89, 179, 86, 15, 316, 403, 319, 325}
# How far single points go with a movement; the rest of the face is a plate between them.
STILL = dict.fromkeys([10, 9, 151, 33, 133, 263, 362, 168, 6, 4, 2, 98, 327, 234, 454, 127, 356,
                       21, 251, 108, 337], 0.0)
JAW = {**STILL, 152: 1.0, 148: 0.97, 377: 0.97, 176: 0.92, 400: 0.92, 149: 0.82, 378: 0.82,
       150: 0.68, 379: 0.68, 136: 0.5, 365: 0.5, 172: 0.34, 397: 0.34, 58: 0.18, 288: 0.18,
       132: 0.07, 361: 0.07, 199: 1.0, 175: 1.0, 200: 1.0, 18: 1.0, 205: 0.2, 425: 0.2,
       214: 0.4, 434: 0.4, 50: 0.02, 280: 0.02, 164: 0.0}
WIDE = {**STILL, 152: 0.0, 199: 0.0, 61: -1.0, 291: 1.0, 205: -0.35, 425: 0.35, 0: 0.0, 17: 0.0}
BROW = {**dict.fromkeys([10, 33, 133, 263, 362, 6, 4, 234, 454, 50, 280, 61, 291, 152], 0.0),
        **dict.fromkeys(morph.RIGHT_BROW + morph.LEFT_BROW, 1.0), 151: 0.5, 108: 0.5, 337: 0.5}
# fmt: on


class Rig:
    """The still's landmarks in space (478, 3) and how they move."""

    def __init__(self, landmarks: Array) -> None:
        self.neutral = landmarks.copy()
        depth = self.neutral[:, 2]  # cheeks seen edge on have no pixels to turn into view
        depth[:] = np.minimum(depth, FLAT_PX + 0.4 * (depth - FLAT_PX))
        for side in (RIGHT, LEFT):  # the landmarks' lid runs under the lashes, ours above them
            rim = side["upper"]
            self.neutral[rim, 1] -= 2.0 * np.sin(np.linspace(0, np.pi, len(rim)))
        self._middle = float(landmarks[13, 0])
        self._jaw = self._spread(JAW)
        self._wide = self._spread(WIDE)
        self._brow = self._spread(BROW)
        self._lips()

    def _spread(self, known: dict[int, float]) -> Array:
        at = self.neutral[list(known), :2]
        return Plate(at, np.array(list(known.values()))[:, None], 1e-3)(self.neutral[:, :2])[:, 0]

    def _lips(self) -> None:
        """Upper and lower lip lie on each other but part: no plate can tell them."""
        half = abs(self.neutral[61, 0] - self._middle)
        for index in UPPER_LIP | LOWER_LIP:
            off = min(abs(self.neutral[index, 0] - self._middle) / half, 1.0)
            corner = 0.32
            self._jaw[index] = (
                corner * off**3 if index in UPPER_LIP else corner + (1 - corner) * (1 - off**2.4)
            )
            self._wide[index] = np.sign(self.neutral[index, 0] - self._middle) * off

    def express(self, pose: Pose) -> Array:
        """Bend the neutral face: (478, 3)."""
        points = self.neutral.copy()
        points[:, 1] += 36 * pose.jaw * self._jaw - 6 * pose.brow * self._brow
        points[:, 2] += 8 * pose.jaw * self._jaw
        points[:, 0] += (6 * pose.wide - 11 * pose.pucker) * self._wide
        for index in UPPER_LIP | LOWER_LIP:
            middle = 1 - abs(self._wide[index])
            points[index, 2] -= 9 * pose.pucker * middle
            points[index, 1] += (2.0 if index in LOWER_LIP else -1.5) * pose.pucker * middle
            if index in UPPER_LIP:
                points[index, 1] -= 2.5 * pose.jaw * middle
        for side in (RIGHT, LEFT):
            self._blink(points, side, pose.lids)
        return points

    @staticmethod
    def _blink(points: Array, side: Side, lids: float) -> None:
        """The upper lid comes down on the lower one and takes the skin above it along."""
        upper, lower = points[side["upper"]], points[side["lower"]]
        meet = 0.9 * lower + 0.1 * upper
        travel = (meet - upper) * lids
        points[side["lower"]] += (meet - lower) * lids
        points[side["upper"]] += travel
        points[side["crease"]] += 0.3 * travel
        points[side["hollow"]] += 0.08 * travel


def turn(points: Array, pose: Pose) -> Array:
    """Where points in space (N, 3) are seen (N, 2) after the head has turned."""
    x, y, z = (points - NECK).T
    x, z = x * np.cos(pose.yaw) - z * np.sin(pose.yaw), x * np.sin(pose.yaw) + z * np.cos(pose.yaw)
    y, z = (
        y * np.cos(pose.pitch) - z * np.sin(pose.pitch),
        y * np.sin(pose.pitch) + z * np.cos(pose.pitch),
    )
    x, y = (
        x * np.cos(pose.roll) - y * np.sin(pose.roll),
        x * np.sin(pose.roll) + y * np.cos(pose.roll),
    )
    turned = np.column_stack((x, y, z)) + NECK
    # Perspective moves points only as they leave their place: at rest the still is itself.
    return points[:, :2] + _seen(turned) - _seen(points) + pose.sway


def _seen(points: Array) -> Array:
    scale = FOCAL_PX / (FOCAL_PX + points[:, 2])
    return CENTRE + (points[:, :2] - CENTRE) * scale[:, None]
