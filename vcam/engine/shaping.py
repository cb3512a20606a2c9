"""The landmarks thread: finds the face in the newest frame, draws its masks and warps."""

from __future__ import annotations

import time
from dataclasses import dataclass

from models.crop import CropKind
from vcam.engine.mailbox import FramePool, Mailbox
from vcam.engine.parts import Parts, Tracker
from vcam.engine.shared import PATIENCE_NS, TAKE_S, Shared
from vcam.engine.styling import Orders
from vcam.frame import FaceShape, Frame, Look, TrackedFace

LOADING_TRACKER = "loading the face finder"

_LOOKS = 6  # at most so many during one edit: what the edit gets is fresh enough


@dataclass(frozen=True, slots=True, eq=False)
class ShapedFrame:
    """A frame on its way to the edit, with the orders it was looked at under.

    face, shape: whom to style and where; None if the frame is to be shown as it is.
    """

    frame: Frame
    orders: Orders
    look: Look
    face: TrackedFace | None = None
    shape: FaceShape | None = None


class Shaping:
    """The landmarks thread's loop and the tracker it owns.

    A frame without a face goes no further, so that the publisher holds the last styled one, unless
    the user wants to be shown in trouble and the face has been gone for two seconds. Where an edit
    takes long it shares its cores with this thread, so not every frame is looked at then.
    """

    def __init__(
        self,
        shared: Shared,
        parts: Parts,
        frames: Mailbox[Frame],
        out: Mailbox[ShapedFrame],
        pool: FramePool,
    ) -> None:
        self._shared, self._parts = shared, parts
        self._frames, self._out, self._pool = frames, out, pool
        self._tracker: Tracker | None = None
        self._crop_kind: CropKind | None = None

    def run(self) -> None:
        """Shape the newest frame until told to stop."""
        try:
            while not self._shared.stop.is_set():
                self._keep_tracker()
                frame = self._frames.take(TAKE_S)
                if frame is not None:
                    began_ns = time.monotonic_ns()
                    self._hand_on(frame)
                    rest_ns = began_ns + self._shared.edit_took_ns // _LOOKS - time.monotonic_ns()
                    if rest_ns > 0:
                        self._shared.stop.wait(rest_ns / 1e9)
        finally:
            if self._tracker is not None:
                self._tracker.close()

    def _keep_tracker(self) -> None:
        """A tracker for the crop that the loaded weights want, once they are loaded."""
        wanted = self._shared.crop_kind
        if wanted is None or wanted == self._crop_kind:
            return
        if self._tracker is not None:
            self._tracker.close()
        self._tracker, self._crop_kind = self._parts.tracker(wanted), wanted
        self._shared.figures.done(LOADING_TRACKER)

    def _hand_on(self, frame: Frame) -> None:
        shaped = self._look_at(frame)
        if shaped is None:
            self._pool.give(frame.pixels)
        elif (dropped := self._out.put(shaped)) is not None:
            self._pool.give(dropped.frame.pixels)

    def _look_at(self, frame: Frame) -> ShapedFrame | None:
        """What is to become of a frame; None if it is not to be seen."""
        orders, watch = self._shared.orders, self._shared.figures.face
        if orders.settings.bypass:
            watch.found()
            return ShapedFrame(frame, orders, Look.OWN)
        if self._tracker is None:
            return None
        shaped = shape(self._shared, self._parts, self._tracker, frame, orders)
        if shaped is not None:
            watch.found()
            return shaped
        watch.missed(frame.captured_ns)
        if orders.settings.on_trouble == "pass" and watch.missing_ns >= PATIENCE_NS:
            return ShapedFrame(frame, orders, Look.OWN)
        return None


def shape(
    shared: Shared, parts: Parts, tracker: Tracker, frame: Frame, orders: Orders
) -> ShapedFrame | None:
    """The frame with its face, masks and warps; None if no face is found."""
    times, started_ns = shared.figures.times, time.monotonic_ns()
    face = tracker.track(frame)
    started_ns = times.add("landmarks", started_ns)
    if face is None:
        return None
    if not orders.layers:  # strength 0: the user's choice
        return ShapedFrame(frame, orders, Look.STYLED)
    masks = parts.shape_face(face, orders.layers)
    times.add("shape", started_ns)
    return ShapedFrame(frame, orders, Look.STYLED, face, masks)
