"""The parts that the loops are given, as they see them.

`vcam.engine.rooms` has the real ones; tests give their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from models.crop import CropKind
from vcam.capture import Source
from vcam.edit.runtime import Runtime
from vcam.frame import FaceShape, Frame, LayerStyle, Pixels, TrackedFace


class Tracker(Protocol):
    """Finds the face (vcam.regions.FaceTracker)."""

    def track(self, frame: Frame) -> TrackedFace | None:
        """The face in this frame."""
        ...

    def close(self) -> None:
        """Let go of the detector."""
        ...


class FaceEditor(Protocol):
    """Styles it (vcam.edit.Editor, vcam.edit.lite.LiteEditor).

    model_name: of the weights. note: what a user should know of the choice of device and model.
    """

    model_name: str
    device_name: str
    note: str
    runtime: Runtime
    crop_kind: CropKind

    def edit(
        self,
        frame: Frame,
        face: TrackedFace,
        shape: FaceShape,
        layers: Sequence[LayerStyle],
        out: Pixels,
    ) -> None:
        """Write the styled face into `out`, which holds the frame."""
        ...


class OpenSource(Protocol):
    """Opens a source (vcam.capture.open_source)."""

    def __call__(self, spec: str, *, lockstep: bool, size: tuple[int, int], fps: int) -> Source:
        """The source that `spec` names."""
        ...


@dataclass(frozen=True, slots=True)
class Parts:
    """Makers of the parts; each is called on the thread that uses what it makes."""

    open_source: OpenSource
    editor: Callable[[str, str], FaceEditor]
    """(model, device)"""
    tracker: Callable[[CropKind], Tracker]
    """(crop kind)"""
    shape_face: Callable[[TrackedFace, Sequence[LayerStyle]], FaceShape]
