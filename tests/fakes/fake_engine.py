"""An engine without models: speaks the protocol and writes a moving picture into real slots.

The setting `model` says how it behaves: `face256` works, `crash` dies after its first frames,
`hang` falls silent after them, `bare` finds no face, `damaged` ends with an error at the start.
The colour follows the strength, so that a test sees a change of settings in the pixels.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import Any

import numpy as np

from vcam.config.settings import parse
from vcam.engine.mode import runs_in_lockstep
from vcam.engine.protocol import receive, send
from vcam.frame.nouns import Look
from vcam.frame.slots import FrameSlots

LOCKSTEP_FRAMES = 20
LOCKSTEP_SIZE = (160, 120)
HANG_AFTER = 20


class FakeEngine:
    """One run, from the first settings to the end."""

    def __init__(self) -> None:
        self._commands = sys.stdin.buffer
        self._events = os.fdopen(os.dup(1), "wb")
        self._lock = threading.Lock()
        self._taken = threading.Semaphore(0)
        self.settings: Any = None
        self.revision = 0
        self.slots: FrameSlots | None = None
        self.made = 0

    def say(self, **event: Any) -> None:
        """Send an event."""
        message: Any = event
        with self._lock:
            send(self._events, message)

    def listen(self) -> None:
        """Obey until told to stop or the daemon is gone."""
        while (command := receive(self._commands)) is not None and command["kind"] != "stop":
            if command["kind"] == "settings":
                first = self.settings is None
                self.settings, self.revision = parse(command["settings"]), command["revision"]
                if first:
                    threading.Thread(target=self.work, daemon=True).start()
                    threading.Thread(target=self.beat, daemon=True).start()
            elif command["kind"] == "slots":
                size = command["width"], command["height"]
                self.slots = FrameSlots.attach(command["name"], *size)
            elif command["kind"] == "taken":
                self._taken.release()
        os._exit(0)

    def beat(self) -> None:
        """Say the status four times a second, until it is to hang."""
        while not (self.settings.model == "hang" and self.made > HANG_AFTER):
            bare = self.settings.model == "bare"
            self.say(
                kind="status",
                stage="" if self.made else "loading the model",
                fps_in=0.0 if self.settings.paused else float(self.settings.fps),
                fps_out=0.0 if self.settings.paused else float(self.settings.fps),
                dropped=0,
                no_face_ms=1000.0 * self.made / self.settings.fps if bare else 0.0,
                stages_ms={"edit": (2.0, 3.0)},
            )
            time.sleep(0.25)

    def work(self) -> None:
        """Make frames."""
        settings = self.settings
        if settings.model == "damaged":
            error = {"code": "weights-damaged", "message": "The weights are damaged.", "hint": "-"}
            self.say(kind="ended", error=error)
            os._exit(1)
        lockstep = runs_in_lockstep(settings)
        width, height = LOCKSTEP_SIZE if lockstep else settings.width_height
        self.say(kind="hello", device="cpu", model=settings.model, note="this is a fake")
        self.say(
            kind="source",
            source="moving picture",
            lockstep=lockstep,
            width=width,
            height=height,
            fps=25.0 if lockstep else float(settings.fps),
        )
        while self.slots is None:
            time.sleep(0.01)
        while not lockstep or self.made < LOCKSTEP_FRAMES:
            self.make_frame()
            if lockstep:
                self._taken.acquire()
            else:
                time.sleep(1 / settings.fps)
        self.say(kind="ended", error=None)
        os._exit(0)

    def make_frame(self) -> None:
        """A bar that moves over a ground whose red follows the strength."""
        slots, settings = self.slots, self.settings
        assert slots is not None
        if settings.paused or (settings.model == "hang" and self.made > HANG_AFTER):
            return
        if settings.model == "crash" and self.made > 5:
            os._exit(1)
        picture = slots.reserve()
        picture[:] = (round(255 * settings.strength), 120, 90)
        x = self.made * 8 % slots.width
        picture[:, x : x + 40] = (255, 255, 255)
        look = Look.OWN if settings.bypass or settings.model == "bare" else Look.STYLED
        slots.publish(
            seq=self.made, captured_ns=time.monotonic_ns(), look=look, revision=self.revision
        )
        self.made += 1
        self.say(kind="frame", seq=self.made)


if __name__ == "__main__":
    np.seterr(all="raise")
    FakeEngine().listen()
