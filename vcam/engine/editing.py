"""The edit thread: styles the newest frame in its slot and makes it the newest there."""

from __future__ import annotations

import time

import numpy as np

from vcam.engine.mailbox import FramePool, Mailbox
from vcam.engine.parts import FaceEditor, Parts
from vcam.engine.process import note
from vcam.engine.protocol import HelloEvent
from vcam.engine.shaping import ShapedFrame
from vcam.engine.shared import PATIENCE_NS, TAKE_S, Shared
from vcam.errors import FrameError
from vcam.frame import Look, Pixels
from vcam.frame.slots import FrameSlots

LOADING_MODEL = "loading the model"


class Editing:
    """The edit thread's loop and the editor it owns.

    Latest wins: a frame that comes while another is edited waits in the mailbox, or is replaced
    there. FrameError costs one frame; any other error ends the engine, and the daemon starts a
    fresh one. Nothing here sleeps: pacing is the publisher's.
    """

    def __init__(
        self, shared: Shared, parts: Parts, frames: Mailbox[ShapedFrame], pool: FramePool
    ) -> None:
        self._shared, self._parts, self._frames, self._pool = shared, parts, frames, pool
        self._editor: FaceEditor | None = None
        self._loaded = ("", "")
        self._failing_ns: int | None = None  # capture time of the first that could not be styled

    def run(self) -> None:
        """Edit the newest frame until told to stop."""
        while not self._shared.stop.is_set():
            editor = self._loaded_editor()
            shaped = self._frames.take(TAKE_S)
            if shaped is None:
                continue
            if (slots := self._shared.slots) is not None:
                self._publish(editor, shaped, slots)
            self._pool.give(shaped.frame.pixels)

    def _loaded_editor(self) -> FaceEditor:
        """The editor for the model and device that the settings name, loaded when they change."""
        settings = self._shared.orders.settings
        wanted = settings.model, settings.device
        if self._editor is None or wanted != self._loaded:
            self._editor = None  # its memory first
            self._editor, self._loaded = load_editor(self._shared, self._parts), wanted
        return self._editor

    def _publish(self, editor: FaceEditor, shaped: ShapedFrame, slots: FrameSlots) -> None:
        """Compose one frame in its slot; nothing is published if it cannot be styled."""
        frame, times = shaped.frame, self._shared.figures.times
        out = slots.reserve()
        look = shaped.look
        try:
            style(self._shared, editor, shaped, out)
            self._failing_ns = None
            self._shared.troubles.over("edit")
        except FrameError as error:
            if self._failing_ns is None:  # once, not thirty times a second
                note(str(error))
            if not self._is_failing_long(frame.captured_ns):
                return
            self._shared.troubles.met("edit", error)
            if shaped.orders.settings.on_trouble != "pass":
                return
            np.copyto(out, frame.pixels)
            look = Look.OWN
        slots.publish(
            seq=frame.seq,
            captured_ns=frame.captured_ns,
            look=look,
            revision=shaped.orders.revision,
        )
        self._shared.figures.finished.add(times.add("delay", frame.captured_ns), 0)
        self._shared.say({"kind": "frame", "seq": frame.seq})

    def _is_failing_long(self, captured_ns: int) -> bool:
        """Whether no frame could be styled for so long that it is trouble, not a hiccup."""
        if self._failing_ns is None:
            self._failing_ns = captured_ns
        return captured_ns - self._failing_ns >= PATIENCE_NS


def load_editor(shared: Shared, parts: Parts) -> FaceEditor:
    """The editor that the settings name, announced to the daemon.

    Raises: EditError if the model cannot work.
    """
    settings = shared.orders.settings
    shared.figures.begin(LOADING_MODEL)
    editor = parts.editor(settings.model, settings.device)
    shared.tell(crop_kind=editor.crop_kind)
    shared.figures.done(LOADING_MODEL)
    hello = HelloEvent(kind="hello", device=editor.device_name, model=editor.model_name)
    if editor.note:
        hello["note"] = editor.note
    shared.say(hello)
    return editor


def style(shared: Shared, editor: FaceEditor, shaped: ShapedFrame, out: Pixels) -> None:
    """Write the finished frame into `out`.

    Raises: FrameError if this frame cannot be styled; `out` is then of no use.
    """
    times, started_ns = shared.figures.times, time.monotonic_ns()
    np.copyto(out, shaped.frame.pixels)
    started_ns = times.add("copy", started_ns)
    if shaped.face is not None and shaped.shape is not None:
        editor.edit(shaped.frame, shaped.face, shaped.shape, shaped.orders.layers, out)
        shared.edit_took_ns = times.add("edit", started_ns) - started_ns
