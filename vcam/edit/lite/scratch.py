"""Arrays that are written anew in every frame, in memory that is kept."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class Scratch:
    """Gives arrays by name; an array is good until its name is asked for again."""

    def __init__(self) -> None:
        self._kept: dict[str, Floats] = {}

    def __call__(self, name: str, *shape: int) -> Floats:
        """A contiguous float32 array of this shape, holding whatever it held."""
        size = math.prod(shape)
        flat = self._kept.get(name)
        if flat is None or flat.size < size:
            flat = np.empty(size + size // 4, np.float32)  # faces come closer: not at every step
            self._kept[name] = flat
        return flat[:size].reshape(shape)
