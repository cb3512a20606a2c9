"""Which faces are alike in what weights treat unequally: skin tone, an open mouth.

Both are read from picture and landmarks alone. Glasses can't be: the mesh looks through them.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from models import mesh
from models.training.shards import Faces
from models.training.skin import typology_angles_deg

_CHEEKS = (50, 205, 280, 425)  # off nose, beard line and eye sockets
_CHEEK_RADIUS_PX = 7

# Of six classes the light bin has the very light and light (above 41), the medium intermediate and
# tan, the dark brown and dark (10 and less); on photographs single faces may be off by a class.
# Source: Del Bino, Bernerd, Br. J. Dermatol. 169 (s3), 2013.
_LIGHT_FROM_DEG, _DARK_TO_DEG = 41.0, 10.0
_OPEN_FROM = 0.3

GROUPS: dict[str, Callable[[float, float], bool]] = {
    "skin light": lambda ita_deg, _: ita_deg > _LIGHT_FROM_DEG,
    "skin medium": lambda ita_deg, _: _DARK_TO_DEG < ita_deg <= _LIGHT_FROM_DEG,
    "skin dark": lambda ita_deg, _: ita_deg <= _DARK_TO_DEG,
    "mouth open": lambda _, openness: openness >= _OPEN_FROM,
}
"""What makes a face one of a group, from its angle in degrees and its mouth's openness."""


def sort_into_groups(faces: Faces) -> dict[str, NDArray[np.bool_]]:
    """Who belongs to which group, [N] each; every face has one skin group."""
    each = list(zip(faces.pictures, faces.landmarks, strict=True))
    ita_deg = typology_angles_deg(np.array([cheek_colour(*face) for face in each])).tolist()
    measured = list(zip(ita_deg, map(mouth_openness, faces.landmarks), strict=True))
    return {
        name: np.array([belongs(*figures) for figures in measured], bool)
        for name, belongs in GROUPS.items()
    }


def cheek_colour(
    picture: NDArray[np.uint8], landmarks: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Median colour of the cheeks, [3], sRGB, 0..1.

    Shapes: picture [256, 256, 3]; landmarks [478, 2], crop pixels.
    """
    spots = np.zeros(picture.shape[:2], np.uint8)
    for x, y in landmarks[list(_CHEEKS)]:
        cv2.circle(spots, (round(float(x)), round(float(y))), _CHEEK_RADIUS_PX, 1, -1)
    pixels = picture[spots > 0]
    if not len(pixels):  # a face whose cheeks lie outside its crop
        pixels = picture.reshape(-1, 3)
    return np.median(pixels, 0) / 255.0


def mouth_openness(landmarks: NDArray[np.floating]) -> float:
    """Height of the mouth's opening over its width: 0 when closed, 0.3 and more in a laugh."""
    contour = landmarks[list(mesh.MOUTH_OPENING)]
    halves = len(contour) // 2
    width = float(np.hypot(*(contour[halves] - contour[0])))
    lower, upper = contour[halves // 2], contour[halves + halves // 2]
    return float(np.hypot(*(lower - upper))) / max(width, 1e-6)
