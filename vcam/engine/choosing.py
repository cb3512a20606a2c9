"""Which editor works on this machine, with which model, and why: what `auto` stands for.

A graphics card gets the full model through torch; the processor gets the small one through
OpenVINO, and torch is then not even loaded. Whoever names a model or a device gets that.
"""

from __future__ import annotations

from models.config import NetworkConfig
from vcam.config.models import ModelLibrary
from vcam.edit.graphics import find_graphics
from vcam.engine.parts import FaceEditor
from vcam.errors import EditError

AUTO = "auto"
FULL, SMALL = "face256", "face256-lite"

# A card on which the full model would take longer than this loses to the processor with the small.
_SLOWEST_EDIT_MS = 150.0


def load_editor(model: str, device: str) -> FaceEditor:
    """The editor for the settings `model` and `device`; its `note` says what was not to be had.

    model: `auto`, or the name of built-in or imported weights.
    Raises: EditError if weights or device are missing, or the weights are damaged.
    """
    if model != AUTO:
        return _named(model, device)
    if device == "cpu":
        return _on_processor("")
    if device != "auto":
        return _with_torch(FULL, device)
    graphics = find_graphics()
    if not graphics.kind:
        return _on_processor(graphics.why_not)
    from vcam.edit.device import choose_device  # loads torch

    choice = choose_device("auto")
    if choice.device.type == "cpu":
        return _on_processor(choice.note)
    if choice.edit_ms > _SLOWEST_EDIT_MS:
        return _on_processor(
            f"{choice.name} would need about {choice.edit_ms:.0f} ms a frame for {FULL}"
        )
    return _with_torch(FULL, choice.device.type)


def _named(model: str, device: str) -> FaceEditor:
    library = ModelLibrary()
    if isinstance(library.card(model).config, NetworkConfig):
        return _with_torch(library.locate(model), device)
    from vcam.edit.lite import LiteEditor

    return LiteEditor(library.locate(model), device)


def _with_torch(model: str, device: str) -> FaceEditor:
    from vcam.edit import Editor

    return Editor(model, device)


def _on_processor(reason: str) -> FaceEditor:
    """The small model, or the full one where OpenVINO is missing; `reason`: why not a card."""
    from vcam.edit.lite import LiteEditor

    try:
        editor = LiteEditor(SMALL, "cpu")
    except EditError as error:
        if error.code != "device-missing":
            raise
        editor = _with_torch(FULL, "cpu")
        slowly = "the CPU does the work, slowly, with the full model"
        editor.note = f"{reason}, so {slowly}. {error}" if reason else str(error)
        return editor
    if reason:
        editor.note = f"{reason}, so the CPU does the work with the small model {SMALL}"
    return editor
