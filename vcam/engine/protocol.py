"""The messages between daemon and engine: JSON, one object a line, through the child's pipes.

Commands go down the engine's standard input, events come up a duplicate of its standard output
(the real one is pointed at standard error, because native libraries print). The end of standard
input means that the daemon is gone: the engine ends within a second. Pixels never travel here:
they lie in shared slots (vcam.frame.slots), and a `frame` event only says that a new one is there.

Commands: settings, slots, taken, stop.       (jobs: job, stop)
Events:   hello, source, frame, status, trouble, ended.    (jobs: done, failed)
"""

from __future__ import annotations

import json
from typing import IO, Any, Literal, NotRequired, TypedDict

from vcam.errors import ErrorRecord


# ---- daemon -> engine ---------------------------------------------------------------------------
class SettingsCommand(TypedDict):
    """The settings from now on; frames made under them carry `revision`."""

    kind: Literal["settings"]
    revision: int
    settings: dict[str, Any]


class SlotsCommand(TypedDict):
    """Where to write frames: the name and shape of the shared memory (vcam.frame.slots)."""

    kind: Literal["slots"]
    name: str
    width: int
    height: int


class TakenCommand(TypedDict):
    """Lockstep only: frame `seq` has been consumed, the next may be written."""

    kind: Literal["taken"]
    seq: int


class StopCommand(TypedDict):
    """Release the camera and end."""

    kind: Literal["stop"]


# ---- engine -> daemon ---------------------------------------------------------------------------
class HelloEvent(TypedDict):
    """Said once the engine can edit: what it runs on. `note` explains a slow choice."""

    kind: Literal["hello"]
    device: str
    model: str
    note: NotRequired[str]


class SourceEvent(TypedDict):
    """The source is open. width, height, fps: the frames' own in lockstep, else the settings'."""

    kind: Literal["source"]
    source: str
    lockstep: bool
    width: int
    height: int
    fps: float


class FrameEvent(TypedDict):
    """A new frame lies in the slots."""

    kind: Literal["frame"]
    seq: int


class StatusEvent(TypedDict):
    """Four times a second, also the heartbeat.

    stage: what a starting engine is doing, in words for the user, empty once it edits.
    fps_in: frames from the source; fps_out: frames finished. dropped: frames never edited, since
    the engine's start. no_face_ms: for how long no face has been found, 0 while there is one.
    stages_ms: per stage the p50 and p95 of the last two seconds.
    """

    kind: Literal["status"]
    stage: str
    fps_in: float
    fps_out: float
    dropped: int
    no_face_ms: float
    stages_ms: dict[str, tuple[float, float]]


class TroubleEvent(TypedDict):
    """Something is wrong but the engine goes on trying; `error` None means it is over.

    where: `source` (the camera went away), `edit` (a frame could not be edited) or `reference`.
    """

    kind: Literal["trouble"]
    where: Literal["source", "edit", "reference"]
    error: ErrorRecord | None


class EndedEvent(TypedDict):
    """The engine's last word: the source is at its end (`error` None), or why it cannot go on."""

    kind: Literal["ended"]
    error: ErrorRecord | None


# ---- jobs ---------------------------------------------------------------------------------------
class JobCommand(TypedDict):
    """One job for the jobs process. `name`: a key of vcam.engine.jobs.JOBS."""

    kind: Literal["job"]
    id: int
    name: str
    arguments: dict[str, Any]


class DoneEvent(TypedDict):
    """Job `id` is done; `result` is plain JSON."""

    kind: Literal["done"]
    id: int
    result: dict[str, Any]


class FailedEvent(TypedDict):
    """Job `id` failed."""

    kind: Literal["failed"]
    id: int
    error: ErrorRecord


Command = SettingsCommand | SlotsCommand | TakenCommand | StopCommand | JobCommand
Event = (
    HelloEvent
    | SourceEvent
    | FrameEvent
    | StatusEvent
    | TroubleEvent
    | EndedEvent
    | DoneEvent
    | FailedEvent
)


def send(pipe: IO[bytes], message: Command | Event) -> None:
    """Write one message and push it out.

    Raises: BrokenPipeError (or another OSError, or ValueError on a closed pipe) if the other
    side is gone; callers treat all three as its end.
    """
    pipe.write(json.dumps(message, separators=(",", ":")).encode() + b"\n")
    pipe.flush()


def receive(pipe: IO[bytes]) -> Any | None:  # noqa: ANN401 - a Command or an Event, by its `kind`
    """Wait for the next message; None at the end of the pipe.

    A line that is not JSON ends the conversation: the other side is broken.
    """
    line = pipe.readline()
    if not line.endswith(b"\n"):
        return None
    try:
        return json.loads(line)
    except ValueError:
        return None
