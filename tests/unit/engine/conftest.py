"""Fixtures of the engine's tests."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.unit.engine.engine_stage import Stage
from vcam.config.library import ReferenceLibrary


@pytest.fixture
def library(tmp_path) -> ReferenceLibrary:
    """Three built-in references of a few pixels, none of the user's."""
    folder: Path = tmp_path / "built-in"
    folder.mkdir()
    for number, name in enumerate(("vera", "adam", "mia")):
        _, encoded = cv2.imencode(".webp", np.full((8, 8, 3), 40 * number + 40, np.uint8))
        (folder / f"{name}.webp").write_bytes(encoded.tobytes())
        card = {"id": name, "title": name, "tags": {}, "landmarks": [[1.0, 2.0]] * 478}
        (folder / f"{name}.json").write_text(json.dumps(card))
    (folder / "index.json").write_text('["vera", "adam", "mia"]')
    return ReferenceLibrary(tmp_path / "own", folder)


@pytest.fixture
def make_stage(library):
    """Builds stages; stops them at the end."""
    made = []

    def make(**given) -> Stage:
        stage = Stage(library, **given)
        made.append(stage)
        return stage

    yield make
    for stage in made:
        stage.stop()
