"""Pictures that carry a number, so that a test knows which one it got."""

from __future__ import annotations

import numpy as np

from vcam.frame import Pixels

SIZE = (64, 48)


def numbered(number: int, size: tuple[int, int] = SIZE) -> Pixels:
    """A grey picture that carries its number in its brightness, with a red corner top left."""
    pixels = np.full((size[1], size[0], 3), 8 + 4 * number, np.uint8)
    pixels[: size[1] // 4, : size[0] // 4] = 200, 0, 0
    return pixels


def number_of(pixels: Pixels) -> int:
    """The number that `numbered` wrote, read in the middle."""
    height, width = pixels.shape[:2]
    return round((float(pixels[height // 2, width // 2].mean()) - 8) / 4)
