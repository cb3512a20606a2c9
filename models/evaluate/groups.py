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

_CHEEKS = (50, 205, 280, 425)  # off nose, beard line and eye sockets
_CHEEK_RADIUS_PX = 7
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
    measured = [
        (individual_typology_angle(cheek_colour(picture, landmarks)), mouth_openness(landmarks))
        for picture, landmarks in zip(faces.pictures, faces.landmarks, strict=True)
    ]
    return {
        name: np.array([belongs(*each) for each in measured], bool)
        for name, belongs in GROUPS.items()
    }


def individual_typology_angle(colour: NDArray[np.floating]) -> float:
    """Skin tone as an angle in degrees, large for light skin: atan2(L* - 50, b*).

    colour: [3], sRGB, 0..1. Three bins are made of the six classes of the source: light is its
    very light and light (above 41), medium its intermediate and tan, dark its brown and dark (10
    and less). They were drawn for a colorimeter on skin: on photographs the light counts too, so
    single faces may be off by a class, and the bins say how a network treats what it gets to see.
    Source: Chardon, Cretois, Hourseau, Int. J. Cosmet. Sci. 13, 1991; classes as in Del Bino,
    Bernerd, Br. J. Dermatol. 169 (s3), 2013.
    """
    lab = cv2.cvtColor(np.asarray(colour, np.float32).reshape(1, 1, 3), cv2.COLOR_RGB2LAB)
    lightness, _, yellow = lab[0, 0].tolist()
    return float(np.degrees(np.arctan2(lightness - 50.0, yellow)))


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
