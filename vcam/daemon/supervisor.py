"""The engine's life: started, listened to, replaced when it crashes or hangs, stopped.

One thread owns it from start to end and is the one that starts every child (children.py says why);
events come on the child's reader thread. What an engine says and what becomes of it goes to the
`EngineListener`, which decides nothing about processes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from vcam.daemon.children import Child, describe_end
from vcam.daemon.heartbeat import BEAT_S, Heartbeat, RestartBudget
from vcam.engine.protocol import Command, EndedEvent, Event, SettingsCommand, SourceEvent
from vcam.errors import DaemonError, ErrorRecord, VcamError, from_record
from vcam.frame.slots import FrameSlots

ENGINE = "vcam.engine"

_FINISH_S = 0.6  # an engine that has been told to stop gets this long
_HOPELESS = frozenset({"weights-missing", "weights-damaged", "device-missing", "setting-invalid"})
_LATE_S = 0.5  # the watching thread woke this much too late: the whole machine stood still


class EngineListener(Protocol):
    """Who is told; called on the Supervisor's threads, one call at a time."""

    def engine_said(self, event: Event) -> None:
        """Any event, `ended` excepted."""
        ...

    def slots_attached(self, slots: FrameSlots) -> None:
        """Frames will come through these from now on, in place of any before."""
        ...

    def slots_detached(self) -> None:
        """Let go of the slots before this returns: they are closed."""
        ...

    def engine_lost(self, error: VcamError, *, is_replaced: bool) -> None:
        """It crashed or hung. If not replaced, nothing happens until `Supervisor.retry`."""
        ...

    def engine_ended(self, error: VcamError | None) -> None:
        """It ended by itself: the clip is over (None), or why no engine can go on. Not replaced."""
        ...


class ChildProcess(Protocol):
    """What the Supervisor needs of `Child`; tests give their own."""

    @property
    def pid(self) -> int:
        """The process id."""
        ...

    def send(self, command: Command) -> None:
        """Send a command."""
        ...

    def finish(self, timeout_s: float) -> int | None:
        """Close its input, wait, kill at the end of patience."""
        ...

    def kill(self) -> int | None:
        """End it at once."""
        ...


class Spawn(Protocol):
    """Starts a child: `Child` with its module and log filled in."""

    def __call__(
        self, *, on_event: Callable[[Any], None], on_end: Callable[[], None]
    ) -> ChildProcess:
        """Start one; the callbacks as `Child` takes them."""
        ...


def spawn_engine(log: Path) -> Spawn:
    """How a real engine is started, its prints going to `log`."""

    def spawn(*, on_event: Callable[[Any], None], on_end: Callable[[], None]) -> Child:
        return Child(ENGINE, log=log, on_event=on_event, on_end=on_end)

    return spawn


class _Run:
    """One engine from its start to its end, and what it has said so far."""

    def __init__(self, now_s: float) -> None:
        self.heartbeat = Heartbeat(now_s)
        self.slots: FrameSlots | None = None
        self.at_end = False  # its pipe is closed
        self.is_over = False  # what it may still say counts no more
        self.last_word: EndedEvent | None = None
        self.failure: VcamError | None = None  # ours, not the engine's
        self.has_framed = False


class Supervisor:
    """Keeps one engine running and speaks with it.

    is_restarting: False in lockstep, where a second engine would begin the clip again.
    log: what the user is pointed to when engines crash.
    """

    def __init__(
        self,
        listener: EngineListener,
        *,
        spawn: Spawn,
        log: Path,
        is_restarting: bool = True,
        create_slots: Callable[[int, int], FrameSlots] = FrameSlots.create,
        budget: RestartBudget | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._listener, self._spawn, self._log = listener, spawn, log
        self._is_restarting, self._create_slots = is_restarting, create_slots
        self._budget, self._clock = budget or RestartBudget(), clock
        self._changed = threading.Condition(threading.RLock())
        self._settings: SettingsCommand | None = None
        self._child: ChildProcess | None = None
        self._has_framed = False
        self._is_stopping = False
        self._is_idle = False
        self._retry = False
        self._thread = threading.Thread(target=self._live, name="supervisor", daemon=True)

    # ---- what others ask ---------------------------------------------------------------------

    def start(self, settings: SettingsCommand) -> None:
        """Start the first engine, under these settings."""
        self._settings = settings
        self._thread.start()

    def send_settings(self, settings: SettingsCommand) -> None:
        """The settings from now on, for this engine and every later one."""
        with self._changed:
            self._settings, child = settings, self._child
        if child is not None:
            child.send(settings)

    def send_taken(self, seq: int) -> None:
        """Lockstep: frame `seq` has been consumed."""
        if (child := self._child) is not None:
            child.send({"kind": "taken", "seq": seq})

    def retry(self) -> None:
        """Start an engine again if there is none: the user has changed something."""
        with self._changed:
            self._retry = self._is_idle
            self._changed.notify_all()

    @property
    def engine_pid(self) -> int | None:
        """Process id of the running engine."""
        return child.pid if (child := self._child) is not None else None

    def ask_to_stop(self) -> None:
        """Tell the engine to release the camera and end; `stop` waits for it."""
        with self._changed:
            self._is_stopping = True
            child = self._child
            self._changed.notify_all()
        if child is not None:
            child.send({"kind": "stop"})

    def stop(self, timeout_s: float) -> None:
        """End the engine, by a kill if it does not listen, and the thread."""
        self.ask_to_stop()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        if self._thread.is_alive() and (child := self._child) is not None:
            child.kill()
            self._thread.join(0.5)

    # ---- the owning thread -------------------------------------------------------------------

    def _live(self) -> None:
        """Engine after engine until told to stop."""
        while not self._is_stopping:
            run = _Run(self._clock())
            error = self._run_engine(run)
            if self._is_stopping:
                return
            if error is None or not self._is_worth_replacing(run, error):
                self._listener.engine_ended(error)
            elif self._is_restarting and self._budget.spend(self._clock()):
                self._listener.engine_lost(error, is_replaced=True)
                continue
            else:
                self._listener.engine_lost(self._final(error), is_replaced=False)
            self._wait_for_retry()

    def _is_worth_replacing(self, run: _Run, error: VcamError) -> bool:
        """Whether another engine may do better than one that ended with this error.

        After a crash it may. After the engine's own last word it may if engines have made frames
        before, unless the word is one that every engine would say.
        """
        if run.last_word is None:
            return True
        return self._has_framed and error.code not in _HOPELESS

    def _run_engine(self, run: _Run) -> VcamError | None:
        """One engine from start to end. Returns: why it ended, None if there was nothing wrong."""
        try:
            child = self._begin(run)
        except OSError as error:
            return DaemonError(
                "engine-lost",
                f"The engine could not be started: {error.strerror or error}.",
                "close other programs: the system has no process or memory left",
            )
        return self._end(run, child, self._attend(run))

    def _begin(self, run: _Run) -> ChildProcess:
        def on_event(event: Any) -> None:  # noqa: ANN401 - an Event, by its `kind`
            self._hear(run, event)

        def on_end() -> None:
            with self._changed:
                run.at_end = True
                self._changed.notify_all()

        with self._changed:  # settings sent meanwhile reach this child after its first ones
            self._child = child = self._spawn(on_event=on_event, on_end=on_end)
            if self._settings is not None:
                child.send(self._settings)
        return child

    def _attend(self, run: _Run) -> float:
        """Wait for the engine's end. Returns: for how long it has been silent if it hangs, else 0.

        Stops at its end of the pipe at once, at its silence when that is due, or when told to.
        """
        with self._changed:
            while not (run.at_end or run.failure or self._is_stopping):
                now_s, due_s = self._clock(), run.heartbeat.due_s()
                if now_s >= due_s:
                    return run.heartbeat.limit_s()
                wake_s = min(due_s, now_s + BEAT_S)  # the limit may have become shorter by then
                self._changed.wait(wake_s - now_s)
                if self._clock() - wake_s > _LATE_S:
                    run.heartbeat.excuse(self._clock())
        return 0.0

    def _end(self, run: _Run, child: ChildProcess, hung_s: float) -> VcamError | None:
        """See the engine off. Returns: why it ended, None if there was nothing wrong."""
        status = child.kill() if hung_s or run.failure else child.finish(_FINISH_S)
        with self._changed:
            self._changed.wait_for(lambda: run.at_end, timeout=0.5)  # its reader has read all
            run.is_over = True
            self._child = None
        self._drop_slots(run)
        if run.failure is not None:
            return run.failure
        if hung_s:
            return DaemonError(
                "engine-lost",
                f"The engine did not answer for {hung_s:.0f} s and was ended.",
                f"{self._log} has its last words; a busy machine may need a smaller size",
            )
        if run.last_word is not None:
            return _error_of(run.last_word["error"])
        return DaemonError(
            "engine-lost",
            f"The engine {describe_end(status)} without a word.",
            f"{self._log} has its last words",
        )

    def _final(self, error: VcamError) -> VcamError:
        """The error when no new engine is started any more."""
        if not self._is_restarting:
            return error
        return DaemonError(
            "engine-lost",
            f"{error} It was lost {self._budget.restarts + 1} times within "
            f"{self._budget.span_s:.0f} s.",
            f"look into {self._log}; another device, model or source starts it again",
        )

    def _wait_for_retry(self) -> None:
        with self._changed:
            self._is_idle = True
            while not (self._retry or self._is_stopping):
                self._changed.wait(60.0)
            self._is_idle = self._retry = False
        self._budget.renew()

    # ---- the child's reader thread -----------------------------------------------------------

    def _hear(self, run: _Run, event: Any) -> None:  # noqa: ANN401 - an Event, by its `kind`
        """Take one event in."""
        kind = event["kind"]
        with self._changed:
            if run.is_over:
                return
            is_loading = bool(event["stage"]) if kind == "status" else None
            run.heartbeat.beat(self._clock(), is_loading=is_loading)
            if kind == "frame" and not run.has_framed:
                run.heartbeat.edits()
            if kind == "ended":
                run.last_word = event
                return
        self._listener.engine_said(event)
        if kind == "source":
            self._provide_slots(run, event)
        elif kind == "frame" and not run.has_framed:
            run.has_framed = self._has_framed = True
            if run.slots is not None:
                run.slots.unlink()

    def _provide_slots(self, run: _Run, event: SourceEvent) -> None:
        """Slots of the source's size; the ones there are kept while the size stays."""
        width, height = event["width"], event["height"]
        if run.slots is not None:
            if (run.slots.width, run.slots.height) == (width, height):
                return
            self._drop_slots(run)
        try:
            run.slots = slots = self._create_slots(width, height)
        except OSError as error:
            with self._changed:
                run.failure = DaemonError(
                    "engine-lost",
                    f"There is no shared memory for the frames: {error.strerror or error}.",
                    "make room in /dev/shm, or choose a smaller size",
                )
                self._changed.notify_all()
            return
        run.has_framed = False
        self._listener.slots_attached(slots)
        child = self._child
        if child is not None:
            child.send({"kind": "slots", "name": slots.name, "width": width, "height": height})

    def _drop_slots(self, run: _Run) -> None:
        slots, run.slots = run.slots, None
        if slots is not None:
            self._listener.slots_detached()
            slots.unlink()
            slots.close()


def _error_of(record: ErrorRecord | None) -> VcamError | None:
    return None if record is None else from_record(record)
