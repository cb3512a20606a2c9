"""The five state words and their reasons: pure rules on what the daemon knows.

`judge` decides which word is true and says why in a sentence for the user; `notes` says what else
they should know. Who asks, and what is done about it, is the Controller's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vcam.errors import VcamError
from vcam.publish.gate import SlateText

State = Literal["starting", "styled", "bypass", "paused", "problem"]

NO_FACE_LIMIT_MS = 2000.0
"""A face that is gone for longer is trouble; an empty chair is too."""

_SLOW_SHARE = 0.8  # below this share of the wanted rate the engine is slow
_SLOW_BEATS = 12  # and the user is told if it stays so for three seconds of status events

_SEEN_IN_TROUBLE = {
    "hold": "For 2 s others see the last styled picture, then a slate.",
    "slate": "Others see a slate.",
    "pass": "Others see your own picture, as you chose.",
}


STARTING = SlateText("Starting", "The camera will be there in a moment.")
PAUSED = SlateText("Paused", "The camera is off for now.")
NO_CAMERA = SlateText("One moment", "The webcam gives no picture.")
ONE_MOMENT = SlateText("One moment", "The picture will be back soon.")
NOBODY = SlateText("Away", "Nobody is in the picture.")


@dataclass(slots=True)
class Facts:
    """What is known of the engine now.

    stage: what it is doing while it loads, empty once it edits.
    has_made_frames: since its start, or since the last pause.
    slow_beats: for how many status events in a row it has been slower than wanted.
    lost: how the engine was lost, until another one has made a frame.
    source, edit, reference: the trouble it reports, until it says that it is over.
    """

    stage: str = "starting the engine"
    has_made_frames: bool = False
    no_face_ms: float = 0.0
    slow_beats: int = 0
    lost: VcamError | None = None
    source: VcamError | None = None
    edit: VcamError | None = None
    reference: VcamError | None = None

    def forget_engine(self) -> None:
        """A new engine begins: what the last one said is over."""
        self.stage, self.has_made_frames, self.no_face_ms = "starting the engine", False, 0.0
        self.slow_beats = 0
        self.source = self.edit = self.reference = None

    def note_rate(self, fps_out: float, fps_wanted: float) -> None:
        """One more status event's rate; one without a face says nothing about the machine."""
        is_editing = self.has_made_frames and not self.stage and self.no_face_ms == 0
        is_slow = is_editing and fps_out < _SLOW_SHARE * fps_wanted
        self.slow_beats = self.slow_beats + 1 if is_slow else 0


@dataclass(frozen=True, slots=True)
class Judgement:
    """The state, why, and the error behind it if there is one.

    slate: what others read on the slate; never an error's text, which may hold names of
        folders and devices.
    """

    state: State
    reason: str
    slate: SlateText
    error: VcamError | None = None

    @property
    def is_trouble(self) -> bool:
        """Whether `on_trouble` counts."""
        return self.state == "problem"


def judge(
    facts: Facts, *, paused: bool, bypass: bool, on_trouble: str, strength: float, title: str
) -> Judgement:
    """The state word and its reason. `title`: the reference face's, for people."""
    if paused:
        return Judgement("paused", "Others see a slate; the webcam is off.", PAUSED)
    trouble = facts.lost or facts.source or facts.edit
    if trouble is not None:
        slate = NO_CAMERA if trouble is facts.source else ONE_MOMENT
        return Judgement("problem", f"{trouble} {_SEEN_IN_TROUBLE[on_trouble]}", slate, trouble)
    if facts.no_face_ms >= NO_FACE_LIMIT_MS and not bypass:
        return Judgement(
            "problem",
            f"No face found for {facts.no_face_ms / 1000:.0f} s: look into the camera, with light "
            f"from the front. {_SEEN_IN_TROUBLE[on_trouble]}",
            NOBODY,
        )
    if facts.stage or not facts.has_made_frames:
        doing = facts.stage or "waiting for the first picture"
        return Judgement("starting", _sentence(doing), STARTING)
    if bypass:
        return Judgement("bypass", "Others see your own face, as you chose.", STARTING)
    if strength == 0:
        reason = "Strength is 0: others see your own face, as you chose."
    else:
        reason = f"Your face follows “{title}”."
    return Judgement("styled", reason, STARTING)


def notes(
    facts: Facts, *, device: str, engine_note: str, fps_out: float, fps_wanted: float
) -> list[str]:
    """What the user should know besides the state: slowness and its cause, a face left out."""
    said: list[str] = []
    if facts.slow_beats >= _SLOW_BEATS:
        is_cpu = device.lower().startswith("cpu")
        rate = f"about {fps_out:.0f}" if fps_out >= 1 else "less than 1"
        said.append(
            f"Running on {'the CPU' if is_cpu else device}: {rate} of {fps_wanted:.0f} frames a "
            f"second.{' A graphics card is many times faster.' if is_cpu else ''}"
        )
    if engine_note:
        said.append(_sentence(engine_note))
    if facts.reference is not None:
        said.append(f"{facts.reference} {facts.reference.hint}")
    return said


def _sentence(text: str) -> str:
    """A half sentence with a capital and a full stop."""
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."
