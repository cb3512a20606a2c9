"""The real parts, out of the rooms; each heavy room is loaded when it is first asked for one."""

from __future__ import annotations

from collections.abc import Sequence

from models.crop import CropKind
from vcam.capture import open_source
from vcam.engine.choosing import load_editor
from vcam.engine.parts import Parts, Tracker
from vcam.frame import FaceShape, LayerStyle, TrackedFace

__all__ = ["REAL", "load_editor", "load_tracker", "shape_face"]


def load_tracker(crop_kind: CropKind) -> Tracker:
    """The real tracker; loads MediaPipe."""
    from vcam.regions import FaceTracker

    return FaceTracker(crop_kind)


def shape_face(face: TrackedFace, layers: Sequence[LayerStyle]) -> FaceShape:
    """The real masks and warps."""
    from vcam.regions import shape_face

    return shape_face(face, layers)


REAL = Parts(open_source, load_editor, load_tracker, shape_face)
