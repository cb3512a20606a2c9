"""What is below the numbers: bars of known colours, or somebody in front of a webcam."""

import cv2
import numpy as np

COLOURS = ((200, 60, 40), (40, 180, 60), (220, 170, 140), (30, 60, 200))
"""Four upright bars, for readers to compare."""

_CLIP_FRAMES = 60


def bars(width: int, height: int) -> np.ndarray:
    """The bars, RGB [H, W, 3]."""
    row = np.repeat(np.uint8([COLOURS]), width // 4, axis=1)
    return np.ascontiguousarray(np.broadcast_to(row, (height, *row.shape[1:])))


def clip(path: str, width: int, height: int) -> list[np.ndarray]:
    """A clip's first two seconds, RGB [H, W, 3], its sides cut to the shape that is asked for."""
    video = cv2.VideoCapture(path)
    read = [video.read() for _ in range(_CLIP_FRAMES)]
    video.release()
    return [_cut(frame, width, height) for is_read, frame in read if is_read]


def _cut(bgr: np.ndarray, width: int, height: int) -> np.ndarray:
    tall, wide, _ = bgr.shape
    kept = min(wide, tall * width // height)
    left = (wide - kept) // 2
    resized = cv2.resize(bgr[:, left : left + kept], (width, height), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(resized[..., ::-1])
