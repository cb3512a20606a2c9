"""The benchmark runs the real threads, and its page explains every figure it gives."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from tests.unit.engine.engine_stage import NO_FACE, FakeEditor, FakeTracker, picture
from vcam.engine import measuring
from vcam.errors import ConfigError, SourceError
from vcam.frame import FaceShape

DOCS = Path(__file__).parents[3] / "docs" / "bench.md"


@pytest.fixture
def measured(monkeypatch, library, tmp_path):
    """Measures fakes: an edit of 20 ms, landmarks of 10 ms."""
    monkeypatch.setattr(measuring, "ReferenceLibrary", lambda: library)
    monkeypatch.setattr(measuring.rooms, "load_editor", lambda *_: FakeEditor(0.02))
    monkeypatch.setattr(measuring.rooms, "load_tracker", lambda _: FakeTracker(0.01))
    monkeypatch.setattr(
        measuring.rooms,
        "shape_face",
        lambda face, layers: FaceShape(face.landmarks, tuple(layers)),
    )
    monkeypatch.setattr(measuring, "_WARM_UP_S", 0.1)

    def measure(value=9, changes=("size=64x64", "fps=20")):
        path = tmp_path / "face.png"
        cv2.imwrite(str(path), picture(value)[..., ::-1])
        return measuring.measure(
            source=str(path), seconds=1.0, pictures=2, changes=changes, say=lambda _: None
        )

    return measure


def keys_of(values: dict, found: set[str]) -> set[str]:
    """All keys of nested dictionaries, but for the settings' own."""
    for key, value in values.items():
        found.add(key)
        if isinstance(value, dict) and key != "settings":
            keys_of(value, found)
    return found


def test_figures_are_those_of_the_engine_and_explained(measured):
    """No figure flatters: rates stay below, times above what the fakes take; docs name each key."""
    result = measured()
    assert result["alone_ms"]["edit"]["p50"] >= 20
    assert result["alone_ms"]["landmarks"]["p50"] >= 10
    free, paced = result["free"], result["paced"]
    assert 0 < free["fps"] <= 50.5  # the edit's 20 ms
    assert 0 < paced["fps"] <= 21
    assert paced["delay_ms"]["p50"] >= 30
    assert free["frames"] == pytest.approx(free["fps"] * free["seconds"], abs=1)
    assert json.loads(json.dumps(result)) == result
    text = DOCS.read_text()
    unexplained = {key for key in keys_of(result, set()) if f"`{key}`" not in text}
    assert unexplained <= {"p50", "p95", "before", "after"}


def test_what_cannot_be_measured_is_told(measured):
    """A source without a face, a setting that is none: an error with a cure, no figures."""
    with pytest.raises(SourceError, match="No face"):
        measured(value=NO_FACE)
    with pytest.raises(ConfigError):
        measured(changes=("sizes=64x64",))


def test_only_json_comes_out(tmp_path, monkeypatch):
    """Errors go to standard error with their exit status; standard output stays empty."""
    monkeypatch.setenv("VCAM_HOME", str(tmp_path))
    arguments = ["-m", "vcam.engine.bench", "--source", str(tmp_path / "gone.mp4")]
    said = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=60)
    assert (said.returncode, said.stdout) == (3, "")
    assert "gone.mp4" in said.stderr
    assert "Traceback" not in said.stderr
