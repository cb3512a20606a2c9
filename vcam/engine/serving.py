"""One engine in its process: takes the daemon's commands and runs live or lockstep."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from vcam.config.library import ReferenceLibrary
from vcam.config.settings import parse
from vcam.engine.live import run_live
from vcam.engine.lockstep import run_lockstep
from vcam.engine.mode import runs_in_lockstep
from vcam.engine.parts import Parts
from vcam.engine.process import Heartbeat
from vcam.engine.protocol import Event
from vcam.engine.rooms import REAL
from vcam.engine.shared import Shared, Troubles
from vcam.engine.styling import Stylist
from vcam.errors import ReferencePictureError
from vcam.frame.slots import FrameSlots

_STOP_S = 0.7  # an engine that has not stopped by then is left where it is: the process ends


class Engine:
    """Runs from the first settings to the end.

    say: sends an event. leave: called once, on the engine's thread, when it has come to its own
    end, with the exit status.
    """

    def __init__(
        self,
        say: Callable[[Event], None],
        leave: Callable[[int], None],
        heartbeat: Heartbeat | None = None,
        library: ReferenceLibrary | None = None,
        parts: Parts = REAL,
    ) -> None:
        self._say, self._leave, self._heartbeat, self._parts = say, leave, heartbeat, parts
        self._troubles = Troubles(say)
        self._stylist = Stylist(library or ReferenceLibrary(), self._report_reference)
        self._shared: Shared | None = None
        self._thread: threading.Thread | None = None

    def obey(self, command: Any) -> bool:  # noqa: ANN401 - a Command, by its `kind`
        """Carry out a command. Returns: False if it was to stop.

        Raises: VcamError or ValueError if it cannot be carried out; the engine is then of no use.
        """
        match command["kind"]:
            case "settings":
                self._take_settings(command["settings"], command["revision"])
            case "slots" if self._shared is not None:
                name, width, height = command["name"], command["width"], command["height"]
                self._shared.tell(slots=FrameSlots.attach(name, width, height))
            case "taken" if self._shared is not None:
                self._shared.tell(taken_seq=command["seq"])
            case "stop":
                return False
            case other:
                raise ValueError(f"command {other!r} came out of turn")
        return True

    def stop(self) -> None:
        """Release the camera and end, within a second."""
        if self._shared is not None and self._thread is not None:
            self._leave = _stay
            self._shared.end()
            self._thread.join(_STOP_S)

    def _take_settings(self, values: dict[str, Any], revision: int) -> None:
        orders = self._stylist.orders(parse(values), revision)
        if self._shared is not None:
            self._shared.tell(orders=orders)
            return
        self._shared = shared = Shared(self._say, orders, self._troubles)
        if self._heartbeat is not None:
            self._heartbeat.status = shared.figures.status
        self._thread = threading.Thread(target=self._run, args=(shared,), name="edit", daemon=True)
        self._thread.start()

    def _run(self, shared: Shared) -> None:
        run = run_lockstep if runs_in_lockstep(shared.orders.settings) else run_live
        shared.guard(lambda: run(shared, self._parts))
        if self._leave is _stay:
            return
        error = shared.error
        self._say({"kind": "ended", "error": None if error is None else error.record()})
        self._leave(0 if error is None else 1)

    def _report_reference(self, error: ReferencePictureError | None) -> None:
        if error is None:
            self._troubles.over("reference")
        else:
            self._troubles.met("reference", error)


def _stay(status: int) -> None:
    """Told to stop: whoever told ends the process."""
