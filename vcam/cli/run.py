"""`vcam run`: from flags to a Program, its terminal line, and its orderly end."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import vcam
from vcam.capture import is_file_source, require_source
from vcam.cli.browser import has_display, open_in_browser
from vcam.cli.log import log_to_file
from vcam.cli.status_line import StatusLine
from vcam.client import Client
from vcam.config.changes import apply_changes, read_assignment
from vcam.config.folders import config_folder, state_folder
from vcam.config.library import ReferenceLibrary
from vcam.config.settings import FIRST_BUILT_IN, Layer, Settings
from vcam.config.store import load_settings
from vcam.daemon.jobs import Jobs
from vcam.daemon.program import SETTINGS_FILE, Plan, Program
from vcam.daemon.references import References
from vcam.errors import ReferencePictureError

_SETTING_FLAGS = (
    "source", "mode", "detail", "tone", "strength", "size", "fps", "device", "model", "port",
)  # fmt: skip
_SHOW_S = 0.25


def main(arguments: argparse.Namespace) -> int:
    """Run until told to stop, or until the clip or the frames are at their end."""
    log_to_file()
    line = StatusLine()
    line.say(f"vcam {vcam.__version__} is starting.")
    stored, damage = load_settings(config_folder() / SETTINGS_FILE)
    if damage is not None:
        line.say(f"{damage} ({damage.hint})")
    stored = _without_lost_faces(stored, line)
    changes = changes_of(arguments)
    if arguments.reference is not None:
        changes["reference"] = _reference(arguments.reference, line)
    settings = apply_changes(stored, changes)
    # What was asked for now must be there now; a stored camera may still be plugged in.
    if arguments.source is not None or is_file_source(settings.source):
        require_source(settings.source)
    program = Program(
        Plan(
            settings,
            stored,
            has_page=not arguments.no_web,
            port_is_named="port" in changes or stored.port != Settings().port,
            frame_limit=arguments.frames,
        ),
        line.say,
    )
    with _signals(program.ask_to_end):
        program.start()
        try:
            _introduce(program, line)
            while not program.wait(_SHOW_S):
                line.show(program.status())
        finally:
            line.end()
            program.stop()
    if program.error is not None:
        raise program.error
    line.say(f"vcam has ended; {program.status()['published']['frames']} frames were published.")
    return 0


def changes_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """The changes to the settings that flags ask for; a flag of its own beats `--set`."""
    changes = dict(read_assignment(text) for text in arguments.set)
    changes |= {
        name: value for name in _SETTING_FLAGS if (value := getattr(arguments, name)) is not None
    }
    if arguments.regions is not None:
        changes["regions"] = [part.strip() for part in arguments.regions.split(",")]
    if arguments.sink:
        changes["sinks"] = arguments.sink
    # Stored or shown elsewhere, a path must mean the same file from any folder.
    if isinstance(source := changes.get("source"), str) and Path(source).is_file():
        changes["source"] = str(Path(source).absolute())
    if isinstance(sinks := changes.get("sinks"), list):
        changes["sinks"] = [_absolute(sink) for sink in sinks]
    return changes


def _absolute(sink: str) -> str:
    if sink.startswith("file:") and sink != "file:":
        return f"file:{Path(sink.removeprefix('file:')).expanduser().absolute()}"
    return sink


def _reference(wanted: str, line: StatusLine) -> str:
    """The id of a reference face; a picture's path makes one of it first."""
    path = Path(wanted).expanduser()
    if not (path.is_file() or "." in wanted or os.sep in wanted):
        return wanted
    line.say(f"Looking for the face in {path.name}.")
    references = References(ReferenceLibrary(), Jobs(state_folder() / "engine.log"))
    return references.add(path)["id"]


def _without_lost_faces(stored: Settings, line: StatusLine) -> Settings:
    """Stored settings whose reference faces are all there; a lost one gives way to the first."""
    library = ReferenceLibrary()
    layers: list[Layer] = []
    for layer in stored.layers:
        try:
            library.resolve(layer.reference)
        except ReferencePictureError as error:
            line.say(f"{error} The first built-in face takes its place.")
            layer = layer.model_copy(update={"reference": FIRST_BUILT_IN})
        layers.append(layer)
    return stored.model_copy(update={"layers": tuple(layers)})


def _introduce(program: Program, line: StatusLine) -> None:
    """Say where the page is; open it if it is the only place where anything is seen."""
    if program.page_port is None:
        return
    line.say(f"Control page: `vcam open` (port {program.page_port} of this machine).")
    sinks = [sink["name"] for sink in program.status()["published"]["sinks"]]
    if sinks == ["preview"] and sys.stdout.isatty() and has_display():
        open_in_browser(Client().open_page_url())


@contextmanager
def _signals(end: Callable[[], None]) -> Generator[None]:
    """Ctrl-C and the system's wish to end us call `end`."""

    def ask(_number: int, _frame: object) -> None:
        end()

    names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    before = {number: signal.signal(number, ask) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
