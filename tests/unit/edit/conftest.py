"""Faces made of numbers: geometry and layers for the edit, without MediaPipe or weights."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from models.crop import matrix_from_similarity, transform_points
from vcam.frame import (
    CROP_SIZE,
    FaceShape,
    Frame,
    LayerGeometry,
    LayerStyle,
    Pixels,
    Reference,
    TrackedFace,
)


class Scene:
    """A frame, a face in it at a known place, and layers with soft round masks.

    The reference is laid on the crop pixel for pixel, so what the paste must be is known.
    """

    def __init__(self, width: int = 320, height: int = 240, side_px: float = 180.0) -> None:
        rng = np.random.default_rng(3)
        coarse = rng.uniform(60, 190, (height // 20, width // 20, 3))
        pixels = np.kron(coarse, np.ones((20, 20, 1))) + rng.normal(0, 5, (height, width, 3))
        self.frame = Frame(pixels.clip(0, 255).astype(np.uint8), 0, 0)
        parameters = [np.log(CROP_SIZE / side_px), 0.1, width / 2, height / 2]
        self.to_crop = matrix_from_similarity(parameters)
        self.face = TrackedFace(1, np.zeros((478, 2), np.float32), self.to_crop)
        self.skin = _disc(90)

    def place(self, x: float, y: float, side_px: float, angle: float) -> None:
        """Put the face elsewhere: its crop `side_px` frame pixels wide, around (x, y)."""
        self.to_crop[:] = matrix_from_similarity([np.log(CROP_SIZE / side_px), angle, x, y])

    def shape(self, *masks: np.ndarray) -> FaceShape:
        """Geometry with one layer for each mask; every warp is the identity on the crop."""
        line = (np.arange(32, dtype=np.float32) + 0.5) * (CROP_SIZE / 32) - 0.5
        warp = np.stack(np.meshgrid(line, line), -1)
        return FaceShape(self.skin, tuple(LayerGeometry(mask, warp) for mask in masks))

    def changed(self, out: Pixels) -> np.ndarray:
        """Which pixels differ from the frame's, [H, W]."""
        return (out != self.frame.pixels).any(2)

    def weight(self, mask: np.ndarray) -> np.ndarray:
        """The mask as it lies in the frame: the largest value near each pixel, [H, W]."""
        height, width = self.frame.pixels.shape[:2]
        places = np.stack(np.meshgrid(np.arange(width), np.arange(height)), -1).reshape(-1, 2)
        at = np.floor(transform_points(self.to_crop, places)).astype(int)
        padded = np.pad(mask, 1)
        out = np.zeros(len(at))
        for dx in (0, 1):
            for dy in (0, 1):
                x, y = (np.clip(at + np.array([dx, dy]), -1, CROP_SIZE) + 1).T
                out = np.maximum(out, padded[y, x])
        return out.reshape(height, width)


def _disc(radius_px: float, softness_px: float = 8.0) -> np.ndarray:
    y, x = np.mgrid[:CROP_SIZE, :CROP_SIZE] - (CROP_SIZE - 1) / 2
    return np.clip((radius_px - np.hypot(x, y)) / softness_px, 0, 1).astype(np.float32)


def scenes() -> SearchStrategy[Scene]:
    """Scenes whose face is anywhere, of any size and angle, the edges of the frame included."""

    def placed(x: float, y: float, side_px: float, angle: float) -> Scene:
        scene = Scene()
        scene.place(x, y, side_px, angle)
        return scene

    return st.builds(
        placed, st.floats(-60, 380), st.floats(-60, 300), st.floats(30, 600), st.floats(-3, 3)
    )


def beyond_reach(scene: Scene, radius_px: int) -> np.ndarray:
    """The frame's pixels that no edit under a disc of this radius may touch, [H, W].

    The correction's mask is grown by 4 px and softened over 12.
    """
    return scene.weight(_disc(radius_px + 24, 1)) == 0


@pytest.fixture
def scene() -> Scene:
    """A frame with a face."""
    return Scene()


@pytest.fixture
def disc() -> np.ndarray:
    """A soft round mask in the middle of the crop."""
    return _disc(60)


def layer(reference: Pixels, **changes: object) -> LayerStyle:
    """A layer toward `reference` at full strength."""
    values: dict[str, object] = {"strength": 1.0, "mode": "follow", "tone": 1.0, "detail": 1.0}
    landmarks = np.zeros((478, 2), np.float32)  # of a picture that is its own crop
    landmarks[[33, 133, 159, 145]], landmarks[[362, 263, 386, 374]] = (93, 116), (163, 116)
    landmarks[[61, 291]] = (115, 189), (141, 189)
    style = Reference("someone", reference, landmarks)
    return LayerStyle(("face",), style, **{**values, **changes})  # type: ignore[arg-type]
