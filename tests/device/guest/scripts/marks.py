"""A number painted into a picture, for scripts that look for their frames at the other end.

Black and white blocks over the top eighth, the first always white: they survive any pixel format
and any codec, and say which frame a reader has got, or that it is none of ours.
"""

import numpy as np

BLOCKS = 16


def paint(frame: np.ndarray, number: int) -> np.ndarray:
    """Paint `number` (modulo 32768) over the top eighth of a picture [H, W, 3]."""
    height, width = frame.shape[0] // 8, frame.shape[1] // BLOCKS
    for block in range(BLOCKS):
        is_on = block == 0 or number >> (BLOCKS - 1 - block) & 1
        frame[:height, block * width : (block + 1) * width] = 255 if is_on else 0
    return frame


def read(frame: np.ndarray) -> int | None:
    """The number painted into a picture ([H, W] luma or [H, W, 3]); None if there is none."""
    height, width = frame.shape[0] // 8, frame.shape[1] // BLOCKS
    blocks = frame[height // 4 : height // 2, : width * BLOCKS]
    means = [
        blocks[:, left + width // 4 : left + 3 * width // 4].mean()
        for left in range(0, width * BLOCKS, width)
    ]
    if means[0] < 195 or any(60 < mean < 195 for mean in means):
        return None
    return sum(1 << (BLOCKS - 1 - i) for i, mean in enumerate(means) if i and mean > 128)
