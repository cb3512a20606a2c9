"""The status record: what page, command line and other programs are told, as JSON."""

from __future__ import annotations

from typing import Any, TypedDict

from vcam.errors import ErrorRecord


class EngineRecord(TypedDict):
    """What the engine said last (vcam.engine.protocol)."""

    device: str
    model: str
    fps_in: float
    fps_out: float
    dropped: int
    no_face_ms: float
    stages_ms: dict[str, tuple[float, float]]


class SinkRecord(TypedDict):
    """One sink. state: `open`, `retrying`, `failed` or `closed`; error: why it failed last."""

    name: str
    state: str
    error: ErrorRecord | None


class PublishedRecord(TypedDict):
    """What leaves the program.

    shown: `newest`, `held` or `slate`; None before the first picture. delay_ms: p50 and p95 from
    captured to published.
    """

    shown: str | None
    frames: int
    fps: float
    delay_ms: tuple[float, float]
    repeated: int
    dropped: int
    sinks: list[SinkRecord]


NOTHING_PUBLISHED = PublishedRecord(
    shown=None, frames=0, fps=0.0, delay_ms=(0.0, 0.0), repeated=0, dropped=0, sinks=[]
)


class ReferenceRecord(TypedDict):
    """The face of layer 1."""

    id: str
    title: str


class Status(TypedDict):
    """Everything at one moment.

    state, reason, error: one of the five words, a sentence for the user, and the error behind it.
    notes: what else the user should know. source: what it is called; None until it is open.
    size, fps: of the published picture. revision: of the settings; faces_revision: grows when a
    reference face comes or goes.
    """

    version: str
    pid: int
    uptime_s: float
    state: str
    reason: str
    error: ErrorRecord | None
    notes: list[str]
    source: str | None
    is_lockstep: bool
    size: tuple[int, int]
    fps: float
    reference: ReferenceRecord
    engine: EngineRecord
    published: PublishedRecord
    revision: int
    faces_revision: int


class SettingsRecord(TypedDict):
    """The settings and their revision; `notes`: what counts only from the next start."""

    settings: dict[str, Any]
    revision: int
    notes: list[str]
