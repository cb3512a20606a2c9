"""The lockstep engine: a clip or picture, every frame once, in order, nothing dropped.

One thread does it all. The next frame is composed while the daemon consumes the last, and published
when that one is `taken`.

The promise never to show the user's own face unasked holds for files too. A frame that cannot be
styled (no face in it, or the edit failed) becomes, by `on_trouble`: the last styled frame again
(`hold`; dark while there is none), a dark frame (`slate`), or the own picture (`pass`). So the
result has as many frames as the source.
"""

from __future__ import annotations

import time

import numpy as np

from vcam.capture import Source
from vcam.capture.fit import Fit, even_size
from vcam.engine.capturing import OPENING
from vcam.engine.editing import LOADING_MODEL, load_editor, style
from vcam.engine.parts import FaceEditor, Parts, Tracker
from vcam.engine.process import note
from vcam.engine.shaping import LOADING_TRACKER, ShapedFrame, shape
from vcam.engine.shared import Shared
from vcam.engine.styling import Orders
from vcam.errors import FrameError
from vcam.frame import Frame, Look, Pixels
from vcam.frame.slots import FrameSlots

_DARK = 24  # the grey of a frame that shows nothing, 0..255
_WAIT_S = 0.5


def run_lockstep(shared: Shared, parts: Parts) -> None:
    """Work through the source once; comes back at its end, or when told to stop.

    Raises: SourceError, EditError: there is nothing to go on with.
    """
    settings = shared.orders.settings
    shared.figures.begin(OPENING, LOADING_MODEL, LOADING_TRACKER)
    source = parts.open_source(
        settings.source, lockstep=True, size=settings.width_height, fps=settings.fps
    )
    try:
        width, height = even_size(source.info.width, source.info.height)
        shared.say(
            {
                "kind": "source",
                "source": source.info.name,
                "lockstep": True,
                "width": width,
                "height": height,
                "fps": float(source.info.fps),
            }
        )
        shared.figures.done(OPENING)
        editor = load_editor(shared, parts)
        tracker = parts.tracker(editor.crop_kind)
        try:
            shared.figures.done(LOADING_TRACKER)
            while not shared.wait_until(lambda: shared.slots is not None, _WAIT_S):
                if shared.stop.is_set():
                    return
            assert shared.slots is not None  # noqa: S101 - just waited for
            Lockstep(shared, parts, source, editor, tracker, shared.slots).run()
        finally:
            tracker.close()
    finally:
        source.close()


class Lockstep:
    """The loop over the source's frames."""

    def __init__(
        self,
        shared: Shared,
        parts: Parts,
        source: Source,
        editor: FaceEditor,
        tracker: Tracker,
        slots: FrameSlots,
    ) -> None:
        self._shared, self._parts, self._source = shared, parts, source
        self._editor, self._tracker, self._slots = editor, tracker, slots
        self._fit = Fit((source.info.width, source.info.height), (slots.width, slots.height))
        self._fitted = np.empty((slots.height, slots.width, 3), np.uint8)
        self._held = np.full_like(self._fitted, _DARK)  # the last styled frame
        self._interval_ns = round(1e9 / source.info.fps)

    def run(self) -> None:
        """Every frame, until the last has been taken."""
        seq = 0
        while not self._shared.stop.is_set():
            captured_ns = time.monotonic_ns()
            pixels = self._source.read()
            read_ns = self._shared.figures.times.add("read", captured_ns)
            if pixels is None:
                self._wait_for_taken(seq - 1)
                return
            self._shared.figures.captured.add(read_ns, 0)
            fitted = self._fit(pixels, self._fitted)
            self._shared.figures.times.add("fit", read_ns)
            # The frame's own time in the clip, so that smoothing does not depend on our speed.
            self._write(Frame(fitted, seq, seq * self._interval_ns), captured_ns)
            seq += 1

    def _write(self, frame: Frame, captured_ns: int) -> None:
        """Compose a frame, wait until the last one is taken, publish."""
        orders = self._shared.orders
        look = self._compose(frame, orders, self._slots.reserve())
        if not self._wait_for_taken(frame.seq - 1):
            return
        self._slots.publish(
            seq=frame.seq, captured_ns=captured_ns, look=look, revision=orders.revision
        )
        self._shared.figures.finished.add(time.monotonic_ns(), 0)
        self._shared.say({"kind": "frame", "seq": frame.seq})

    def _compose(self, frame: Frame, orders: Orders, out: Pixels) -> Look:
        """Write what this frame becomes. Returns: what it shows."""
        watch = self._shared.figures.face
        if orders.settings.bypass:
            watch.found()
            np.copyto(out, frame.pixels)
            return Look.OWN
        shaped = shape(self._shared, self._parts, self._tracker, frame, orders)
        if shaped is None:
            watch.missed(frame.captured_ns)
        elif self._is_styled(shaped, out):
            watch.found()
            np.copyto(self._held, out)
            return Look.STYLED
        match orders.settings.on_trouble:
            case "pass":
                np.copyto(out, frame.pixels)
                return Look.OWN
            case "slate":
                out[:] = _DARK
            case "hold":
                np.copyto(out, self._held)
        return Look.STYLED

    def _is_styled(self, shaped: ShapedFrame, out: Pixels) -> bool:
        """Style a frame with a face; False if that failed."""
        try:
            style(self._shared, self._editor, shaped, out)
        except FrameError as error:
            note(str(error))
            return False
        return True

    def _wait_for_taken(self, seq: int) -> bool:
        """Wait until the daemon has consumed frame `seq`. Returns: False if told to stop."""
        while not self._shared.stop.is_set():
            if self._shared.wait_until(lambda: self._shared.taken_seq >= seq, _WAIT_S):
                return True
        return False
