"""From a tracked face to the masks and warps that the edit needs: one call a frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vcam.frame import FaceShape, LayerGeometry, LayerStyle, TrackedFace
from vcam.regions.masks import region_mask, skin_mask
from vcam.regions.openings import uncrossed
from vcam.regions.warp import LiveFaceWarp


def shape_face(face: TrackedFace, layers: Sequence[LayerStyle]) -> FaceShape:
    """Masks and warps of every layer on this face.

    Layers that name the same regions, or the same reference, share the work.
    """
    matrix = face.to_crop.astype(np.float32)
    points = face.landmarks @ matrix[:, :2].T + matrix[:, 2]
    live = LiveFaceWarp(uncrossed(points))
    masks = {layer.regions: region_mask(points, layer.regions) for layer in layers}
    references = {layer.reference.id: layer.reference for layer in layers}
    warps = {key: live.to_reference(ref.landmarks) for key, ref in references.items()}
    return FaceShape(
        skin_mask(points),
        tuple(LayerGeometry(masks[one.regions], warps[one.reference.id]) for one in layers),
    )
