"""From a sink's name to the open sink.

In: specs as the setting `sinks` has them (`v4l2:/dev/video10`, `file:out.mp4`, `auto`). Out: open
sinks, all or none. Runs on the thread that starts the publisher, and on the publisher's own when a
sink is opened again.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from vcam.config.settings import nearest_name
from vcam.errors import SinkError
from vcam.publish.sinks.base import Sink

AUTO = "auto"


@dataclass(frozen=True, slots=True)
class Request:
    """What a sink is opened for.

    where: what follows the colon of the spec, None without one. source: the clip, picture or
    camera that is being read, which no sink may write to.
    """

    where: str | None
    width: int
    height: int
    fps: float
    source: Path | None


@dataclass(frozen=True, slots=True)
class AutoSinks:
    """What `auto` stands for on this machine, and why, in a sentence for the user."""

    specs: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class OpenedSinks:
    """Open sinks, and what the user should know about the choice (empty if nothing)."""

    sinks: tuple[Sink, ...]
    note: str


def _open_v4l2(request: Request) -> Sink:
    if not sys.platform.startswith("linux"):
        raise SinkError("sink-missing", "Only Linux has v4l2 cameras.", "use --sink obs")
    from vcam.publish.sinks.v4l2 import V4l2Sink

    return V4l2Sink(request.width, request.height, request.fps, request.where, request.source)


def _open_obs(request: Request) -> Sink:
    from vcam.publish.sinks.virtual import VirtualSink

    return VirtualSink("obs", request.width, request.height, request.fps)


def _open_unity(request: Request) -> Sink:
    from vcam.publish.sinks.virtual import VirtualSink

    return VirtualSink("unity", request.width, request.height, request.fps, request.where)


def _open_file(request: Request) -> Sink:
    from vcam.publish.sinks.file import open_file_sink

    if not request.where:
        raise SinkError("sink-unknown", "file: needs a path.", "write it as file:out.mp4")
    return open_file_sink(
        Path(request.where).expanduser().absolute(),
        width=request.width,
        height=request.height,
        fps=request.fps,
        source=request.source,
    )


def _open_null(_: Request) -> Sink:
    from vcam.publish.sinks.null import NullSink

    return NullSink()


def _open_preview(_: Request) -> Sink:
    from vcam.publish.sinks.preview import PreviewSink

    return PreviewSink()


def _open_array(_: Request) -> Sink:
    from vcam.publish.sinks.array import ArraySink

    return ArraySink()


SINKS: dict[str, Callable[[Request], Sink]] = {
    "v4l2": _open_v4l2,
    "obs": _open_obs,
    "unity": _open_unity,
    "file": _open_file,
    "null": _open_null,
    "preview": _open_preview,
    "array": _open_array,
}
"""Kind of sink -> what opens it."""

_TAKES_WHERE = frozenset({"v4l2", "unity", "file"})


def open_sink(
    spec: str, *, width: int, height: int, fps: float, source: Path | None = None
) -> Sink:
    """Open the sink that `spec` names, for RGB pictures of this size.

    Raises: SinkError: sink-unknown for a spec that cannot be, else as the sink says.
    """
    kind, colon, where = spec.partition(":")
    if kind not in SINKS:
        raise SinkError(
            "sink-unknown", f"There is no sink called {kind!r}.", nearest_name(kind, SINKS)
        )
    if colon and kind not in _TAKES_WHERE:
        raise SinkError("sink-unknown", f"{kind} takes nothing behind a colon.", f"write {kind}")
    return SINKS[kind](Request(where or None, width, height, fps, source))


def open_sinks(
    specs: Sequence[str], *, width: int, height: int, fps: float, source: Path | None = None
) -> OpenedSinks:
    """Open all sinks of the setting, `auto` among them.

    A sink that the user named must open. Where `auto` finds a camera that cannot be had (busy,
    say), the preview stands in and the note says why.
    Raises: SinkError of the first named sink that does not open; none stays open then.
    """
    named = [spec for spec in specs if spec != AUTO]
    choice = auto_sinks() if AUTO in specs else AutoSinks((), "")
    opened: list[Sink] = []
    notes = [choice.why]
    try:
        for spec in dict.fromkeys((*named, *choice.specs)):
            try:
                opened.append(open_sink(spec, width=width, height=height, fps=fps, source=source))
            except SinkError as error:
                if spec in named:
                    raise
                notes.append(f"{error.message} ({error.hint})")
    except SinkError:
        for sink in opened:
            with suppress(SinkError):
                sink.close()
        raise
    return OpenedSinks(tuple(opened), " ".join(filter(None, notes)))


def auto_sinks() -> AutoSinks:
    """The sinks that fit this machine: its virtual camera if there is one, and the page's preview.

    Loads and opens no more than it takes to see which cameras there are.
    """
    return _auto_on_linux() if sys.platform.startswith("linux") else _auto_elsewhere()


def _auto_on_linux() -> AutoSinks:
    from vcam.publish.sinks.loopback import Capability, loopback_devices
    from vcam.publish.sinks.v4l2 import JOIN_GROUP, LOAD_MODULE

    said = [said for _, said in loopback_devices()]
    cards = [device.card for device in said if isinstance(device, Capability)]
    if cards:
        return AutoSinks(("v4l2", "preview"), f"There is a virtual camera: {', '.join(cards)}.")
    if said:
        return AutoSinks(("preview",), f"This user may not open virtual cameras ({JOIN_GROUP}).")
    return AutoSinks(("preview",), f"No virtual camera is loaded ({LOAD_MODULE}).")


def _auto_elsewhere() -> AutoSinks:
    from vcam.publish.sinks.virtual import has_camera

    if has_camera("obs"):
        return AutoSinks(("obs", "preview"), "The virtual camera is OBS Studio's.")
    if has_camera("unity"):
        return AutoSinks(("unity", "preview"), "The virtual camera is Unity Capture's.")
    return AutoSinks(("preview",), "No virtual camera is set up (pip install 'vcam[obs]').")
