"""Make-up painted on a portrait by its landmarks: pigments over skin, whose texture stays.

Used by `make_references` only. Pictures are float32 RGB in 0..1, landmarks (478, 2) in pixels.
A look is a tuple of strokes; each stroke is a shape on the face, a colour, and how much it covers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from models.assets.morph import (
    INNER_LIPS,
    LEFT_BROW,
    LIPS,
    OVAL,
    RIGHT_BROW,
    blur,
    curve,
    polygon,
    skin_likeness,
)

Array = NDArray[Any]
Side = dict[str, list[int]]

RIGHT: Side = {  # each from the outer corner of the eye to the inner one
    "upper": [33, 246, 161, 160, 159, 158, 157, 173, 133],
    "lower": [33, 7, 163, 144, 145, 153, 154, 155, 133],
    "crease": [130, 247, 30, 29, 27, 28, 56, 190, 243],
    "hollow": [35, 113, 225, 224, 223, 222, 221, 189, 193],
    "under": [130, 25, 110, 24, 23, 22, 26, 112, 243],
    "bag": [35, 31, 228, 229, 230, 231, 232, 233, 244],
    "brow_low": [46, 53, 52, 65, 55],
    "brow_high": [70, 63, 105, 66, 107],
    "cheek": [117, 118, 50, 205, 187, 123],
    "bone": [116, 117, 123, 147, 213, 192],
}
LEFT: Side = {
    "upper": [263, 466, 388, 387, 386, 385, 384, 398, 362],
    "lower": [263, 249, 390, 373, 374, 380, 381, 382, 362],
    "crease": [359, 467, 260, 259, 257, 258, 286, 414, 463],
    "hollow": [265, 342, 445, 444, 443, 442, 441, 413, 417],
    "under": [359, 255, 339, 254, 253, 252, 256, 341, 463],
    "bag": [265, 261, 448, 449, 450, 451, 452, 453, 464],
    "brow_low": [276, 283, 282, 295, 285],
    "brow_high": [300, 293, 334, 296, 336],
    "cheek": [346, 347, 280, 425, 411, 352],
    "bone": [345, 346, 352, 376, 433, 416],
}
FINE = 3  # masks are drawn this much larger and reduced: a liner's edge is finer than a pixel

Shape = Literal[
    "lips", "lip_line", "lid", "shadow", "band", "under_eye", "liner", "lower_liner", "lashes",
    "brows", "blush", "contour", "base", "bridge", "tears",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stroke:
    """One pigment: its shape, colour (R, G, B of 0..255), cover 0..1 and gloss (contrast kept)."""

    shape: Shape
    colour: tuple[int, int, int]
    cover: float
    gloss: float = 1.0


def _area(outline: Array, size: tuple[int, int], feather: float) -> Array:
    big = polygon((outline + 0.5) * FINE - 0.5, (size[0] * FINE, size[1] * FINE))
    return blur(cv2.resize(big, size[::-1], interpolation=cv2.INTER_AREA), feather)


def _between(low: Array, high: Array, size: tuple[int, int], feather: float) -> Array:
    return _area(np.concatenate((curve(low), curve(high)[::-1])), size, feather)


def _lines(lines: Sequence[Array], widths: Sequence[Array], size: tuple[int, int]) -> Array:
    """Lines of changing width, in pixels, drawn as chains of discs."""
    big = np.zeros((size[0] * FINE, size[1] * FINE), np.float32)
    for line, width in zip(lines, widths, strict=True):
        for (x, y), w in zip(line, width, strict=True):
            centre = (round(((x + 0.5) * FINE - 0.5) * 16), round(((y + 0.5) * FINE - 0.5) * 16))
            cv2.circle(big, centre, max(1, round(w * FINE * 8)), (1.0,), -1, cv2.LINE_AA, 4)
    return cv2.resize(big, size[::-1], interpolation=cv2.INTER_AREA)


class Canvas:
    """The shapes of one face: every method gives a mask (H, W), float32 0..1."""

    def __init__(self, landmarks: Array, size: tuple[int, int]) -> None:
        self.landmarks = landmarks
        self.size = size
        self.unit = float(np.linalg.norm(landmarks[33] - landmarks[263])) / 100  # eye to eye: 100
        self.up = landmarks[10] - landmarks[152]
        self.up = self.up / np.linalg.norm(self.up)
        openings = [
            np.concatenate((curve(self._on(s, "upper")), curve(self._on(s, "lower"))[::-1]))
            for s in (RIGHT, LEFT)
        ]
        self.eyes = np.maximum(*(_area(outline, size, 0.5) for outline in openings))

    def _on(self, side: Side, name: str) -> Array:
        return self.landmarks[side[name]]

    def _both(self, draw: Callable[[Side], Array]) -> Array:
        return np.maximum(draw(RIGHT), draw(LEFT))

    def _out(self, side: Side) -> Array:
        """Unit vector along the eye, from its inner corner to its outer one."""
        along = self._on(side, "upper")[0] - self._on(side, "upper")[-1]
        return along / np.linalg.norm(along)

    def lips(self) -> Array:
        """The lips, without the opening between them."""
        outer, inner = self.landmarks[LIPS], self.landmarks[INNER_LIPS]
        closed = [curve(np.concatenate((ring, ring[:1])), 160) for ring in (outer, inner)]
        gap = float(np.linalg.norm(self.landmarks[13] - self.landmarks[14])) > 3 * self.unit
        mouth = _area(closed[1], self.size, 0.5) if gap else 0.0
        return np.clip(_area(closed[0], self.size, 1.1 * self.unit) - mouth, 0, 1)

    def lip_line(self) -> Array:
        """A pencil along the lips' outer edge."""
        ring = self.landmarks[LIPS]
        line = curve(np.concatenate((ring, ring[:1])), 300)
        return blur(_lines([line], [np.full(300, 2.0 * self.unit)], self.size), 0.8 * self.unit)

    def lid(self) -> Array:
        """From the lashes to the crease."""
        return self._not_eye(self._both(lambda s: self._lid_to(s, 0.9, 1.3)))

    def shadow(self) -> Array:
        """From the lashes to under the brow, fading upward and drawn out toward the temple."""

        def draw(side: Side) -> Array:
            low, high = self._lid_to(side, 1.2, 1.6), self._lid_to(side, 1.7, 3.5)
            return np.maximum(low, 0.7 * high)

        return self._not_eye(self._both(draw))

    def _lid_to(self, side: Side, reach: float, feather: float) -> Array:
        """Up to `reach`, 0: lid line, 1: crease, 2: hollow under the brow."""
        upper, crease, hollow = (self._on(side, n) for n in ("upper", "crease", "hollow"))
        top = (
            crease + (hollow - crease) * (reach - 1)
            if reach > 1
            else upper + (crease - upper) * reach
        )
        tip = upper[0] + (self._out(side) * 9 + self.up * 6) * self.unit * min(reach, 1.4)
        return _between(
            np.concatenate(([tip], upper)),
            np.concatenate(([tip], top)),
            self.size,
            feather * self.unit,
        )

    def under_eye(self) -> Array:
        """Below the lower lashes."""

        def draw(side: Side) -> Array:
            lower, under = self._on(side, "lower"), self._on(side, "under")
            return _between(lower, lower + (under - lower) * 1.1, self.size, 1.6 * self.unit)

        return self._not_eye(self._both(draw))

    def band(self) -> Array:
        """A performer's band across both eyes, pointed at the temples."""
        points = self.landmarks
        tips = points[[34, 264]] + self.up * 4 * self.unit
        high = np.concatenate(
            (
                tips[:1],
                points[[70, 63, 105, 66]],
                points[[107, 336]].mean(0)[None],
                points[[296, 334, 293, 300]],
                tips[1:],
            )
        )
        low = np.concatenate(
            (
                tips[:1],
                points[[117, 119]],
                points[[196, 419]].mean(0)[None],
                points[[348, 346]],
                tips[1:],
            )
        )
        high, low = high + self.up * 1.5 * self.unit, low + self.up * 1.0 * self.unit
        return self._not_eye(_between(low, high, self.size, 1.2 * self.unit))

    def liner(self) -> Array:
        """Along the upper lashes, with a wing."""
        lines, widths = [], []
        for side in (RIGHT, LEFT):
            lid = curve(self._on(side, "upper"), 70)
            wing_tip = lid[0] + (self._out(side) * 9.5 + self.up * 6.5) * self.unit
            wing = curve(
                np.array([wing_tip, (wing_tip + lid[0]) / 2 - self.up * 0.5 * self.unit, lid[0]]),
                40,
            )
            lines += [wing, lid + self.up * 0.6 * self.unit]
            widths += [np.linspace(0.5, 3.2, 40) * self.unit, np.linspace(3.2, 1.3, 70) * self.unit]
        return blur(_lines(lines, widths, self.size), 0.35 * self.unit)

    def lower_liner(self) -> Array:
        """Along the lower lashes, fading toward the nose."""
        lids = [curve(self._on(s, "lower"), 60)[:52] for s in (RIGHT, LEFT)]
        widths = [np.linspace(2.2, 0.7, 52) * self.unit] * 2
        return blur(
            _lines([lid - self.up * 0.5 * self.unit for lid in lids], widths, self.size),
            0.5 * self.unit,
        )

    def lashes(self) -> Array:
        """Single lashes, longer and more slanted toward the temple."""
        lines, widths = [], []
        for side in (RIGHT, LEFT):
            lid = curve(self._on(side, "upper"), 45)[:-5]
            out = self._out(side)
            for i, root in enumerate(lid[::2]):
                part = i / (len(lid) / 2)  # 0 at the outer corner
                length = (4.8 - 2.6 * part + 0.9 * np.sin(i * 2.4)) * self.unit
                lean = out * (0.85 - 1.05 * part)
                bend = np.array(
                    [
                        root,
                        root + (lean * 0.65 + self.up * 0.30) * length,
                        root + (lean * 0.9 + self.up * 0.95) * length,
                    ]
                )
                lines.append(curve(bend, 18))
                widths.append(np.linspace(0.8, 0.15, 18) * self.unit)
        return _lines(lines, widths, self.size)

    def brows(self) -> Array:
        """The whole brow; `paint` keeps to its hairs."""
        return np.maximum(
            *(
                _area(_ordered(self.landmarks[b]), self.size, 1.6 * self.unit)
                for b in (RIGHT_BROW, LEFT_BROW)
            )
        )

    def blush(self) -> Array:
        """On the cheeks, up toward the temples."""
        return self._both(
            lambda s: self._soft_spot(
                self._on(s, "cheek").mean(0), self._out(s) + self.up * 0.45, 17, 9.5
            )
        )

    def contour(self) -> Array:
        """Shade under the cheekbones."""

        def draw(side: Side) -> Array:
            centre = self.landmarks[side["bone"][3:]].mean(0)
            return self._soft_spot(centre, self._out(side) + self.up * 0.9, 19, 5.5)

        return self._both(draw)

    def base(self) -> Array:
        """The whole face up to the hairline, leaving eyes, lips and hair alone.

        The hairline is not in the landmarks: above them, skin is what has the cheeks' colour.
        """
        oval = self.landmarks[OVAL]
        centre = self.landmarks[168]
        high = np.clip((oval - centre) @ self.up / 60 / self.unit, 0, 1)[:, None]
        grown = oval + self.up * 22 * self.unit * high
        return self._not_eye(_area(grown, self.size, 5 * self.unit)) * (1 - self.lips())

    def bridge(self) -> Array:
        """A highlight down the nose and on the bow of the upper lip."""
        nose = _lines(
            [curve(self.landmarks[[168, 6, 197, 195, 5]], 60)],
            [np.full(60, 3.5 * self.unit)],
            self.size,
        )
        bones = self._both(
            lambda s: self._soft_spot(
                self.landmarks[s["bone"][:2]].mean(0) + self.up * 4 * self.unit,
                self._out(s) + self.up * 0.7,
                11,
                3.5,
            )
        )
        return np.maximum(blur(nose, 2.2 * self.unit), bones)

    def tears(self) -> Array:
        """A pointed line from under each pupil down the cheek, as a harlequin wears it."""

        def draw(side: Side) -> Array:
            top = self._on(side, "under")[4] - self.up * 1.5 * self.unit
            line = top - np.linspace(0, 1, 60)[:, None] * self.up * 27 * self.unit
            return _lines([line], [np.linspace(5.5, 0.3, 60) * self.unit], self.size)

        return blur(self._both(draw), 0.3 * self.unit)

    def _soft_spot(self, centre: Array, along: Array, length: float, width: float) -> Array:
        along = along / np.linalg.norm(along)
        y, x = np.indices(self.size, np.float32)
        dx, dy = x - centre[0], y - centre[1]
        u, v = (
            (dx * along[0] + dy * along[1]) / (length * self.unit),
            (dy * along[0] - dx * along[1]) / (width * self.unit),
        )
        return np.exp(-0.5 * (u * u + v * v)).astype(np.float32)

    def _not_eye(self, mask: Array) -> Array:
        return mask * (1 - self.eyes)


def _ordered(points: Array) -> Array:
    """The points as a convex outline."""
    return cv2.convexHull(points.astype(np.float32))[:, 0]


def paint(picture: Array, landmarks: Array, look: Sequence[Stroke]) -> Array:
    """Lay the strokes on the face one after another.

    A pigment takes the light that falls on the skin under it: its colour is multiplied by the
    skin's brightness against the brightness around, so pores, folds and shine show through.
    """
    canvas = Canvas(landmarks, picture.shape[:2])
    out = picture.copy()
    for stroke in look:
        mask = getattr(canvas, stroke.shape)() * stroke.cover
        if stroke.shape == "base":
            mask = mask * skin_likeness(picture, landmarks)
        if stroke.shape == "brows":  # hair only: what is darker than the skin around it
            light = out.mean(2)
            mask = mask * np.clip((blur(light, 9 * canvas.unit) * 1.05 - light) * 7, 0, 1)
        light = out @ np.array([0.3, 0.59, 0.11], np.float32)
        weight = np.maximum(mask, 1e-4)
        level = float((light * weight).sum() / weight.sum())
        relief = (np.maximum(light, 0.004) / level) ** stroke.gloss
        pigment = np.array(stroke.colour, np.float32) / 255 * relief[..., None]
        out += (pigment - out) * mask[..., None]
        np.clip(out, 0, 1, out=out)
    return out
