"""What the engine's threads share: orders, slots, the way to stop, figures, troubles.

Everything here is either replaced as a whole or written by one thread only, so no loop waits for
another.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Literal

from models.crop import CropKind
from vcam.engine.mailbox import Mailbox
from vcam.engine.process import note_crash
from vcam.engine.protocol import Event, StatusEvent
from vcam.engine.stages import Ring, StageTimes
from vcam.engine.styling import Orders
from vcam.errors import VcamError
from vcam.frame.slots import FrameSlots

PATIENCE_NS = 2_000_000_000
"""So long nothing can be styled before it counts as trouble."""

TAKE_S = 0.1
"""A loop that waits for a frame asks this often whether it is to stop."""

STARTING = "starting"
"""The first step, until the loop that runs has named its own."""

_GAP_NS = 1_000_000_000  # frames further apart than this do not belong to one search for a face

Where = Literal["source", "edit", "reference"]


class Shared:
    """One engine's common ground. say: sends an event to the daemon; safe from any thread."""

    def __init__(
        self, say: Callable[[Event], None], orders: Orders, troubles: Troubles | None = None
    ) -> None:
        self.say, self.troubles = say, troubles or Troubles(say)
        self.stop = threading.Event()
        self.orders = orders
        """What the user wants now; replaced as a whole."""
        self.slots: FrameSlots | None = None
        self.taken_seq = -1
        """Lockstep: the last frame that the daemon has consumed."""
        self.crop_kind: CropKind | None = None
        """How the loaded weights want the crop aligned; None until they are loaded."""
        self.edit_took_ns = 0
        """How long the last edit took."""
        self.error: VcamError | None = None
        """Why the engine ends, if not because it was told to."""
        self.figures = Figures()
        self._changed = threading.Condition()

    def tell(self, **news: Any) -> None:  # noqa: ANN401 - attributes of this object
        """Set attributes and wake whoever waits for one."""
        with self._changed:
            for name, value in news.items():
                setattr(self, name, value)
            self._changed.notify_all()

    def end(self, error: VcamError | None = None) -> None:
        """Every loop comes to its end soon; the first error given is the reason."""
        with self._changed:
            self.error = self.error or error
            self.stop.set()
            self._changed.notify_all()

    def wait_until(self, is_true: Callable[[], bool], timeout_s: float) -> bool:
        """Wait until something that was told makes it true, or the engine ends.

        Returns: whether it is true.
        """
        with self._changed:
            self._changed.wait_for(lambda: self.stop.is_set() or is_true(), timeout_s)
        return is_true()

    def start_thread(self, name: str, work: Callable[[], None]) -> threading.Thread:
        """Run `work` on a thread of its own; an error that it does not handle ends the engine."""
        thread = threading.Thread(target=self.guard, args=(work,), name=name, daemon=True)
        thread.start()
        return thread

    def guard(self, work: Callable[[], None]) -> None:
        """Run `work`; an error that it does not handle ends the engine."""
        try:
            work()
        except VcamError as error:
            self.end(error)
        except Exception as error:  # noqa: BLE001 - no traceback reaches a user
            self.end(note_crash(error))


class Figures:
    """What the status tells."""

    def __init__(self) -> None:
        self.times = StageTimes()
        self.captured, self.finished = Ring(), Ring()
        self.face = FaceWatch()
        self.mailboxes: tuple[Mailbox[Any], ...] = ()
        """What they replaced counts as dropped."""
        self._steps = [STARTING]  # never none by accident: without one, the daemon expects frames
        self._steps_lock = threading.Lock()

    def begin(self, *steps: str) -> None:
        """What has to be done before frames can be edited, in words for people, in order."""
        with self._steps_lock:
            known = (STARTING, *steps)
            self._steps = [*steps, *(one for one in self._steps if one not in known)]

    def done(self, step: str) -> None:
        """One step is done; harmless a second time."""
        with self._steps_lock:
            self._steps = [one for one in self._steps if one != step]

    def status(self) -> StatusEvent:
        """The figures of the last two seconds."""
        now_ns = time.monotonic_ns()
        return StatusEvent(
            kind="status",
            stage=next(iter(self._steps), ""),
            fps_in=round(self.captured.per_second(now_ns), 1),
            fps_out=round(self.finished.per_second(now_ns), 1),
            dropped=sum(mailbox.replaced for mailbox in self.mailboxes),
            no_face_ms=round(self.face.missing_ns / 1e6, 1),
            stages_ms=self.times.quantiles_ms(now_ns),
        )


class FaceWatch:
    """For how long no face has been found, by the frames' own time."""

    def __init__(self) -> None:
        self.missing_ns = 0
        self._since_ns: int | None = None
        self._last_ns = 0

    def found(self) -> None:
        """There is a face, or nobody looks for one."""
        self.missing_ns, self._since_ns = 0, None

    def missed(self, captured_ns: int) -> None:
        """This frame shows none."""
        if self._since_ns is None or captured_ns - self._last_ns > _GAP_NS:
            self._since_ns = captured_ns
        self._last_ns = captured_ns
        self.missing_ns = max(captured_ns - self._since_ns, 1)  # the first one counts already


class Troubles:
    """Tells the daemon when a trouble begins, changes, and is over."""

    def __init__(self, say: Callable[[Event], None]) -> None:
        self._say = say
        self._standing: dict[Where, VcamError] = {}

    def met(self, where: Where, error: VcamError) -> None:
        """Something is wrong; the engine goes on trying."""
        standing = self._standing.get(where)
        if standing is None or standing.record() != error.record():
            self._standing[where] = error
            self._say({"kind": "trouble", "where": where, "error": error.record()})

    def over(self, where: Where) -> None:
        """It works again."""
        if self._standing.pop(where, None) is not None:
            self._say({"kind": "trouble", "where": where, "error": None})
