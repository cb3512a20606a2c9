"""Every error a user can meet, with one place for its code and exit status.

    VcamError
    +-- SourceError             webcam, clip, picture: missing, busy, denied, lost, damaged
    +-- FrameError              this frame only; the next one may be fine
    +-- ReferencePictureError   a picture that cannot serve as a reference face
    +-- EditError               weights, model, device, memory
    +-- SinkError               virtual camera or file: missing, busy, refused
    +-- ConfigError             a setting or an argument that cannot be
    +-- DaemonError             the program itself: already running, port, engine, client

Misuse by a programmer stays ValueError or TypeError.
"""

from __future__ import annotations

from typing import TypedDict

MISUSE, MISSING, BUSY, DAMAGED_WEIGHTS = 2, 3, 4, 5

# Kebab-case code -> exit status of a command that ends with it. A code not listed is a bug.
EXIT_STATUS: dict[str, int] = {
    # sources
    "source-missing": MISSING,
    "source-busy": BUSY,
    "source-denied": MISSING,
    "source-lost": MISSING,
    "source-damaged": MISSING,
    "source-unknown": MISUSE,
    # single frames
    "frame-failed": 1,
    # reference pictures
    "reference-missing": MISSING,
    "reference-unknown": MISUSE,
    "reference-not-a-picture": MISUSE,
    "reference-too-large": MISUSE,
    "reference-too-small": MISUSE,
    "reference-no-face": MISUSE,
    "reference-several-faces": MISUSE,
    "reference-built-in": MISUSE,
    "reference-in-use": BUSY,
    # models
    "weights-missing": MISSING,
    "weights-damaged": DAMAGED_WEIGHTS,
    "weights-not-a-checkpoint": MISUSE,
    "weights-need-code": MISUSE,
    "weights-unfit": MISUSE,
    "weights-built-in": MISUSE,
    "weights-name-taken": MISUSE,
    "weights-in-use": BUSY,
    "device-missing": MISSING,
    "out-of-memory": 1,
    "edit-failed": 1,
    # sinks
    "sink-missing": MISSING,
    "sink-busy": BUSY,
    "sink-denied": MISSING,
    "sink-refused": 1,
    "sink-failed": 1,
    "sink-unknown": MISUSE,
    # settings
    "setting-unknown": MISUSE,
    "setting-invalid": MISUSE,
    "config-damaged": 1,
    # the program
    "already-running": BUSY,
    "not-running": MISSING,
    "port-taken": BUSY,
    "engine-lost": 1,
    "job-failed": 1,
    "unauthorised": 1,
    "not-found": MISUSE,
    "too-large": MISUSE,
    "too-many-viewers": BUSY,
    "internal": 1,
}


class ErrorRecord(TypedDict):
    """An error as it travels: in JSON answers, through the engine's pipe, in logs."""

    code: str
    message: str
    hint: str


class VcamError(Exception):
    """What went wrong, why, and what to do about it.

    `code` is stable and kebab-case, `message` says what and why in a sentence, `hint` names a
    command or a setting that helps.
    Raises: ValueError if the code is not in EXIT_STATUS (a mistake of ours, not the user's).
    """

    def __init__(self, code: str, message: str, hint: str) -> None:
        if code not in EXIT_STATUS:
            raise ValueError(f"error code {code!r} is not in vcam.errors.EXIT_STATUS")
        super().__init__(message)
        self.code, self.message, self.hint = code, message, hint

    @property
    def exit_status(self) -> int:
        """The exit status of a command that ends with this error."""
        return EXIT_STATUS[self.code]

    def record(self) -> ErrorRecord:
        """The three fields that CLI, page, tray and JSON all show."""
        return ErrorRecord(code=self.code, message=self.message, hint=self.hint)

    def __reduce__(self) -> tuple[type[VcamError], tuple[str, str, str]]:
        return type(self), (self.code, self.message, self.hint)


class SourceError(VcamError):
    """The source of frames is missing, busy, denied, lost or damaged."""


class FrameError(VcamError):
    """This one frame could not be edited."""


class ReferencePictureError(VcamError):
    """A picture cannot serve as a reference face."""


class EditError(VcamError):
    """The model cannot work: weights, device or memory."""


class SinkError(VcamError):
    """A sink cannot take frames."""


class ConfigError(VcamError):
    """A setting or an argument cannot be what it was given."""


class DaemonError(VcamError):
    """The program as a whole: start, port, children, connection."""


_CLASS_OF_PREFIX: dict[str, type[VcamError]] = {
    "source": SourceError,
    "frame": FrameError,
    "reference": ReferencePictureError,
    "weights": EditError,
    "device": EditError,
    "out": EditError,
    "edit": EditError,
    "sink": SinkError,
    "setting": ConfigError,
    "config": ConfigError,
}


def from_record(record: ErrorRecord) -> VcamError:
    """The error that another process reported, in its own class."""
    code = record["code"] if record["code"] in EXIT_STATUS else "internal"
    kind = _CLASS_OF_PREFIX.get(code.split("-", 1)[0], DaemonError)
    return kind(code, record["message"], record["hint"])
