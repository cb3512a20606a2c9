"""Lays a reference face on the live one: a smooth map through the landmarks.

Source: thin-plate splines (Duchon 1977; Bookstein 1989), slightly smoothed so that the landmarks'
noise does not show as ripples.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from models.mesh import WARP_POINTS
from vcam.frame import CROP_SIZE

GRID_SIDE = 48
"""Cells along the crop's side at which the map is given."""

_SMOOTHING = 1e-3
_POINTS = np.array(WARP_POINTS)

Points = NDArray[np.float32]
_Scalar = TypeVar("_Scalar", np.float32, np.float64)


def _cell_centres() -> NDArray[np.float32]:
    """[G * G, 2] centres of the grid's cells, the crop spanning -1..1."""
    line = (np.arange(GRID_SIDE, dtype=np.float32) + 0.5) * (2 / GRID_SIDE) - 1
    return np.stack(np.meshgrid(line, line), -1).reshape(-1, 2)


_CELLS = _cell_centres()


class LiveFaceWarp:
    """Maps from the live crop to any number of references; made once a frame.

    Shapes: points [478, 2] landmarks in crop pixels.
    """

    def __init__(self, points: Points) -> None:
        half = CROP_SIZE / 2
        nodes = (points[_POINTS].astype(np.float64) + 0.5) / half - 1
        count = len(nodes)
        system = np.zeros((count + 3, count + 3))
        system[:count, :count] = _kernel(nodes, nodes)
        system[range(count), range(count)] += _SMOOTHING
        system[:count, count] = system[count, :count] = 1.0
        system[:count, count + 1 :] = nodes
        system[count + 1 :, :count] = nodes.T
        self._system = system
        self._basis = np.empty((len(_CELLS), count + 3), np.float32)
        self._basis[:, :count] = _kernel(_CELLS, nodes.astype(np.float32))
        self._basis[:, count] = 1.0
        self._basis[:, count + 1 :] = _CELLS

    def to_reference(self, landmarks: Points) -> NDArray[np.float32]:
        """Which point of the reference picture belongs to each cell of the crop.

        landmarks: [478, 2] of the reference, in its pixels. Returns: [G, G, 2], (x, y) there.
        """
        values = np.zeros((len(self._system), 2))
        values[: len(_POINTS)] = landmarks[_POINTS]
        weights = np.linalg.solve(self._system, values).astype(np.float32)
        return (self._basis @ weights).reshape(GRID_SIDE, GRID_SIDE, 2)


def _kernel(at: NDArray[_Scalar], nodes: NDArray[_Scalar]) -> NDArray[_Scalar]:
    """r^2 log r^2 between points and nodes, [len(at), len(nodes)]."""
    square = at @ (-2.0 * nodes.T)  # |a - b|^2 = |a|^2 - 2ab + |b|^2: one product, few passes
    square += np.square(at).sum(1, keepdims=True)
    square += np.square(nodes).sum(1)
    np.maximum(square, square.dtype.type(1e-9), out=square)
    square *= np.log(square)
    return square
