"""The settings record: every choice a user has, its range and its meaning.

Flags, file, API, page and tray edit this same record; its field descriptions are the documentation
that all of them show. Runs in the daemon, in the engine (which is sent it as JSON) and in the
command line.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from vcam.errors import ConfigError

SCHEMA_VERSION = 2

Region = Literal["face", "eyes", "brows", "nose", "mouth"]
REGIONS: tuple[str, ...] = get_args(Region)

Unit = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
ReferenceId = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$")]

FIRST_BUILT_IN = "first"
"""The reference id that stands for the first built-in one."""

FROM_NEXT_START = frozenset({"size", "fps", "port"})
"""Fields that a running daemon accepts and uses from its next start."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Layer(_Record):
    """One edit: which part of the face, toward whom, how far."""

    mask: tuple[Region, ...] = Field(default=("face",), min_length=1)
    """Regions of the face that this layer edits, together."""
    reference: ReferenceId = FIRST_BUILT_IN
    """Id of the reference face; `first` is the first built-in one."""
    strength: Unit = 1.0
    """How far this layer goes, 0 to 1; the master strength multiplies it."""
    mode: Literal["follow", "replace"] = "follow"
    """`follow` keeps the user's expression; `replace` is StyleMapGAN's published edit."""
    tone: Unit = 0.0
    """Palette of the edit: 0 the user's own, 1 the reference's."""
    detail: Unit = 1.0
    """Whose fine structure carries the edit: 0 the user's, 1 the reference's."""


class Settings(_Record):
    """Everything a user can choose."""

    version: Literal[2] = SCHEMA_VERSION
    """Version of this record's form."""
    layers: tuple[Layer, ...] = Field(default=(Layer(),), min_length=1, max_length=8)
    """The edits, in the order they are applied."""
    strength: Unit = 0.8
    """Master strength, 0 to 1; multiplies every layer's."""
    source: str = Field(default="auto", min_length=1, max_length=4096)
    """`auto`, `camera[:NAME|PATH|INDEX]`, `demo`, or the path of a clip or picture."""
    sinks: tuple[str, ...] = Field(default=("auto",), min_length=1, max_length=8)
    """`auto`, `v4l2[:/dev/videoN]`, `obs`, `unity`, `file:PATH`, `null`, `preview`."""
    size: Annotated[str, Field(pattern=r"^[1-9]\d{1,3}x[1-9]\d{1,3}$")] = "1280x720"
    """Size of the published picture, WIDTHxHEIGHT, even numbers; from the next start."""
    fps: Annotated[int, Field(ge=1, le=120)] = 30
    """Frames a second of the virtual camera; from the next start."""
    fit: Literal["letterbox", "crop"] = "letterbox"
    """How a source of another shape is brought to the size: bars, or cut edges."""
    paused: bool = False
    """Slate instead of the picture; the webcam is released."""
    bypass: bool = False
    """The user's own face, on purpose."""
    on_trouble: Literal["hold", "slate", "pass"] = "hold"
    """What is shown when no styled frame can be made: the last one for 2 s and then the slate,
    the slate at once, or the user's own picture."""
    device: Annotated[str, Field(pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$")] = "auto"
    """Where the model runs."""
    model: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")] = "auto"
    """`auto`, the full model on a graphics card and the small one on a processor, or a name that
    `vcam models list` shows."""
    mirror_preview: bool = True
    """Mirror the page's preview, as a mirror would; never the published picture."""
    port: Annotated[int, Field(ge=1, le=65535)] = 8763
    """Port of the control page on 127.0.0.1; from the next start."""

    @field_validator("size")
    @classmethod
    def _even_and_possible(cls, size: str) -> str:
        width, height = map(int, size.split("x"))
        if width % 2 or height % 2:
            raise ValueError("width and height must be even numbers")
        if not (64 <= width <= 3840 and 64 <= height <= 2160):
            raise ValueError("must be between 64x64 and 3840x2160")
        return size

    @property
    def width_height(self) -> tuple[int, int]:
        """Published width and height in pixels."""
        width, height = map(int, self.size.split("x"))
        return width, height

    def changed(self, changes: Mapping[str, Any]) -> Settings:
        """These settings with some fields replaced.

        Raises: ConfigError, naming the field, what it may be, and the nearest name if unknown.
        """
        return parse({**self.model_dump(mode="json"), **changes})


def parse(values: Mapping[str, Any]) -> Settings:
    """Settings from plain values, as a file, a flag or the API gives them.

    Raises: ConfigError, naming the field, what it may be, and the nearest name if unknown.
    """
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise _explained(error) from error


def nearest_name(name: str, names: Iterable[str]) -> str:
    """A half sentence that offers the nearest known name, or lists them all."""
    known = list(names)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"


def _explained(error: ValidationError) -> ConfigError:
    """Pydantic's first complaint, said for a user."""
    first = error.errors(include_url=False)[0]
    place = [part for part in first["loc"] if not isinstance(part, int)]
    name = ".".join(map(str, place)) or "settings"
    if first["type"] == "extra_forbidden":
        fields = Layer.model_fields if place[:-1] == ["layers"] else Settings.model_fields
        return ConfigError(
            "setting-unknown",
            f"There is no setting called {place[-1]!r}.",
            nearest_name(str(place[-1]), fields),
        )
    if place[-1:] == ["mask"] and first["type"] == "literal_error":
        return ConfigError(
            "setting-invalid",
            f"There is no region called {first['input']!r}.",
            nearest_name(str(first["input"]), REGIONS),
        )
    said = first["msg"].removeprefix("Value error, ")
    return ConfigError(
        "setting-invalid",
        f"{name} cannot be {first['input']!r}: {said[:1].lower()}{said[1:]}.",
        _meaning(place),
    )


def _meaning(place: list[Any]) -> str:
    """What the setting at `place` is for, from its own description."""
    record = Layer if place[:1] == ["layers"] and len(place) > 1 else Settings
    field = record.model_fields.get(str(place[-1])) if place else None
    text = " ".join((field.description or "").split()) if field else ""
    return text or "docs/settings.md lists every setting"
