"""Which editor `auto` stands for, what is said about it, and that torch stays away from it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.unit.models.lite.test_lite_runtime import SMALL, random_weights
from vcam.edit import device as torch_device
from vcam.edit import lite
from vcam.edit.graphics import NO_CARD, Graphics
from vcam.engine import choosing
from vcam.errors import EditError

PARTS = """
import sys
from vcam.engine import rooms, serving, live, lockstep
editor = rooms.load_editor("tiny", "auto")
tracker = rooms.load_tracker(editor.crop_kind)
import numpy as np
from vcam.config.library import ReferenceLibrary
from vcam.engine.styling import load_reference
from vcam.frame import Frame, LayerStyle
library = ReferenceLibrary()
first, second = (load_reference(library, card.id) for card in library.cards()[:2])
frame = Frame(np.ascontiguousarray(first.pixels[::2, ::2]), 0, 0)
face = tracker.track(frame)
for mode, detail in (("follow", 1.0), ("follow", 0.5), ("replace", 1.0)):
    layers = (LayerStyle(("face",), second, 1.0, mode, 0.0, detail),)
    out = frame.pixels.copy()
    editor.edit(frame, face, rooms.shape_face(face, layers), layers, out)
    assert (out != frame.pixels).any()
print(editor.model_name, editor.runtime.name, "torch" in sys.modules)
"""


class FakeEditor(SimpleNamespace):
    """An editor that only says what it is."""


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A machine to be described: its graphics, what torch says of them, and what it has."""
    found = SimpleNamespace(
        graphics=Graphics("", NO_CARD),
        torch=SimpleNamespace(),
        has_openvino=True,
    )

    def small(model: str, device: str) -> FakeEditor:
        if not found.has_openvino:
            raise EditError("device-missing", "The model needs OpenVINO.", "-")
        return FakeEditor(kind="lite", model=model, device=device, note="")

    def full(model: str, device: str) -> FakeEditor:
        return FakeEditor(kind="torch", model=model, device=device, note="")

    monkeypatch.setattr(choosing, "find_graphics", lambda: found.graphics)
    monkeypatch.setattr(choosing, "_with_torch", full)
    monkeypatch.setattr(lite, "LiteEditor", small)
    monkeypatch.setattr(torch_device, "choose_device", lambda _: found.torch)
    return found


def torch_says(device: str, note: str = "", edit_ms: float = 3.0) -> SimpleNamespace:
    """What torch's own choice for `auto` is."""
    kind = SimpleNamespace(type=device)
    return SimpleNamespace(device=kind, name="a card", note=note, edit_ms=edit_ms)


def chosen(model: str = "auto", device: str = "auto") -> tuple[str, str, str, str]:
    """Kind of editor, model, device, note."""
    editor = choosing.load_editor(model, device)
    assert isinstance(editor, FakeEditor)
    return editor.kind, editor.model, editor.device, editor.note


@pytest.mark.parametrize("kind", ["cuda", "mps"])
def test_a_card_that_works_gets_the_full_model(machine: SimpleNamespace, kind: str) -> None:
    """A card that passes its test is used without a word."""
    machine.graphics, machine.torch = Graphics(kind), torch_says(kind)
    assert chosen() == ("torch", "face256", kind, "")


def test_without_a_card_the_processor_gets_the_small_model(machine: SimpleNamespace) -> None:
    """No card: the small model, and the reason; the processor asked for: nothing to explain."""
    said = f"{NO_CARD}, so the CPU does the work with the small model face256-lite"
    assert chosen() == ("lite", "face256-lite", "cpu", said)
    assert chosen(device="cpu") == ("lite", "face256-lite", "cpu", "")


@pytest.mark.parametrize(
    ("torch", "reason"),
    [
        (torch_says("cpu", "this torch was built for the CPU: install another"), "install another"),
        (torch_says("cpu", "a card failed its self-test (no)"), "failed its self-test"),
        (torch_says("cuda", edit_ms=700.0), "a card would need about 700 ms a frame for face256"),
    ],
    ids=["wrong torch", "failed", "slow"],
)
def test_a_card_that_does_not_serve_is_named_with_the_reason(
    machine: SimpleNamespace, torch: SimpleNamespace, reason: str
) -> None:
    """A card that torch cannot use, that fails or that is slow: the small model, and why."""
    machine.graphics, machine.torch = Graphics("cuda"), torch
    kind, model, device, note = chosen()
    assert (kind, model, device) == ("lite", "face256-lite", "cpu")
    assert reason in note
    assert "so the CPU does the work" in note


def test_without_openvino_the_full_model_works_on_the_processor(machine: SimpleNamespace) -> None:
    """Where OpenVINO has no package there is still a picture, slowly, and both reasons are said."""
    machine.has_openvino = False
    kind, model, device, note = chosen()
    assert (kind, model, device) == ("torch", "face256", "cpu")
    assert NO_CARD in note
    assert "OpenVINO" in note
    assert "OpenVINO" in chosen(device="cpu")[3]


def test_what_is_named_is_used(machine: SimpleNamespace) -> None:
    """A device asked for gets the full model, a model asked for its own kind of editor."""
    assert chosen(device="cuda:1") == ("torch", "face256", "cuda:1", "")
    assert chosen("face256", "cpu") == ("torch", "face256", "cpu", "")
    with pytest.raises(EditError, match="no model called"):
        chosen("face-256")


def test_the_small_model_brings_no_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine's rooms, at work on a small model in every mode, have never loaded torch."""
    folder = tmp_path / "state" / "models" / "tiny"
    folder.mkdir(parents=True)
    random_weights(folder, SMALL)
    monkeypatch.setenv("VCAM_HOME", str(tmp_path))
    said = subprocess.run(
        [sys.executable, "-c", PARTS], capture_output=True, text=True, timeout=120
    )
    assert said.stdout.split() == ["tiny", "openvino", "False"], said.stderr
