"""What travels between the rooms: the nouns of the hot path and the shared slots.

Nothing here decides anything; rooms that do not know each other meet in these types.
"""

from vcam.frame.nouns import (
    CROP_SIZE,
    LANDMARK_COUNT,
    Affine,
    FaceShape,
    Frame,
    LayerGeometry,
    LayerStyle,
    Look,
    Pixels,
    PublishedFrame,
    Reference,
    TrackedFace,
)

__all__ = [
    "CROP_SIZE",
    "LANDMARK_COUNT",
    "Affine",
    "FaceShape",
    "Frame",
    "LayerGeometry",
    "LayerStyle",
    "Look",
    "Pixels",
    "PublishedFrame",
    "Reference",
    "TrackedFace",
]
