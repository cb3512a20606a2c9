"""A still picture as a source."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import cv2
import numpy as np

from vcam.capture.array import ArraySource
from vcam.errors import SourceError
from vcam.frame import Pixels

_LARGEST = (3840, 2160)
"""No frame is published larger than this (vcam.config.settings), so no picture is kept larger."""


def open_picture(path: Path, *, spec: str, lockstep: bool, fps: int) -> ArraySource:
    """A picture that repeats at `fps`, or in lockstep comes once.

    Raises: SourceError source-damaged if it cannot be decoded.
    """
    return ArraySource(
        [read_picture(path)], fps=fps, lockstep=lockstep, kind="picture", name=path.name, spec=spec
    )


def read_picture(path: Path) -> Pixels:
    """Decode a JPEG, PNG, WebP, BMP or TIFF, turned upright as its EXIF data says.

    Returns: [H, W, 3] RGB; more than 3840x2160 is scaled down into that. Transparency is ignored.
    Raises: SourceError source-damaged if it cannot be decoded.
    """
    encoded = np.fromfile(path, np.uint8)
    try:
        bgr = cast("Pixels | None", cv2.imdecode(encoded, cv2.IMREAD_COLOR))
    except cv2.error:  # empty, or more pixels than OpenCV is willing to decode
        bgr = None
    if bgr is None:
        raise SourceError(
            "source-damaged",
            f"The picture {path} is damaged: it cannot be decoded.",
            "Open it in another program and save it again as JPEG or PNG.",
        )
    height, width = bgr.shape[:2]
    scale = min(1.0, _LARGEST[0] / width, _LARGEST[1] / height)
    if scale < 1:
        smaller = (max(round(width * scale), 1), max(round(height * scale), 1))
        bgr = cv2.resize(bgr, smaller, interpolation=cv2.INTER_AREA)
    return cast("Pixels", cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB))
