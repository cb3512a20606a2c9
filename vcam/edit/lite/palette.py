"""`vcam.edit.palette` on arrays: the same map of log colours, found and applied."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from vcam.edit.constants import CONTRAST_BOUNDS, LOG_FLOOR, PALETTE_AXES
from vcam.edit.lite.scratch import Floats

# Statistics are taken at every second pixel of every second row: some thousand pixels of skin say
# as much as four times as many.
SPARSE = np.s_[::2, ::2]

_ROWS = np.array(PALETTE_AXES)
_AXES: Floats = (_ROWS / np.linalg.norm(_ROWS, axis=1, keepdims=True)).astype(np.float32)
_LOWEST, _HIGHEST = np.array(CONTRAST_BOUNDS, np.float32)
_LEAST_DEVIATION = 1e-3
_LOG_255 = np.float32(np.log(255.0))

LOG_OF_BYTE = np.log(np.arange(256) / 255.0 + LOG_FLOOR).astype(np.float32)
"""Log colour of each byte."""


class Statistics(NamedTuple):
    """Mean and standard deviation of skin along the axes, [3] each."""

    mean: NDArray[np.floating]
    deviation: NDArray[np.floating]


def skin_weights(skin: Floats) -> Floats:
    """The weights of the sparse pixels, [N], of a skin mask [S, S]."""
    sparse = skin[SPARSE].ravel()
    return sparse / max(float(sparse.sum()), 0.25)


def statistics(log_colours: Floats, weights: Floats) -> Statistics:
    """Of sparse log colours [n, n, 3] with their weights [N]."""
    opponent = _AXES @ log_colours.reshape(-1, 3).T  # [3, N]: long rows, which numpy is quick with
    mean = opponent @ weights
    opponent -= mean[:, None]
    np.square(opponent, out=opponent)
    return Statistics(mean, np.sqrt(opponent @ weights))


def palette_map(reference: Statistics, user: Statistics, tone: float) -> Floats:
    """The affine map [3, 4] that gives a reference's log colours the user's palette.

    tone: 0 all the way to the user's, 1 leaves the reference's.
    """
    contrast = user.deviation / np.maximum(reference.deviation, _LEAST_DEVIATION)
    scale = np.clip(contrast, _LOWEST, _HIGHEST) ** np.float32(1.0 - tone)
    goal = user.mean + np.float32(tone) * (reference.mean - user.mean)
    matrix = _AXES.T @ (scale[:, None] * _AXES)
    offset = _AXES.T @ (goal - scale * reference.mean)
    return np.column_stack((matrix, offset)).astype(np.float32)


def log_of(pixels: NDArray[np.uint8], out: Floats) -> Floats:
    """Bytes to log colours, [h, w, 3]."""
    cv2.LUT(pixels, LOG_OF_BYTE, dst=out)
    return out


def coloured(log_colours: Floats, palette: Floats, out: Floats) -> Floats:
    """Log colours of the reference in the user's palette, 0..255; [h, w, 3]."""
    matrix = palette.copy()
    matrix[:, 3] += _LOG_255  # exp then gives 255 times the colour
    cv2.transform(log_colours, matrix, dst=out)
    cv2.exp(out, dst=out)
    np.subtract(out, np.float32(255.0 * LOG_FLOOR), out=out)
    np.clip(out, 0.0, 255.0, out=out)
    return out
