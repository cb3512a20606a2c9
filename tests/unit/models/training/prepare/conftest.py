"""Photos of people who do not exist: the built-in references, alone, together and spoilt."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from models.training.prepare.examine import Examiner
from models.training.prepare.outcomes import Limits
from tests.unit.models.reference_crops import REFERENCES

NAMES: list[str] = json.loads((REFERENCES / "index.json").read_text())


def portrait(name: str, side: int = 512) -> Image.Image:
    """A built-in reference, a square."""
    with Image.open(REFERENCES / f"{name}.webp") as picture:
        return picture.convert("RGB").resize((side, side), Image.Resampling.LANCZOS)


def known_landmarks(name: str) -> np.ndarray:
    """[478, 2], pixels of the 512 px portrait, as its card has them."""
    return np.array(json.loads((REFERENCES / f"{name}.json").read_text())["landmarks"])


@pytest.fixture(scope="module")
def examiner() -> Iterator[Examiner]:
    """An examiner with the limits that the command has by default."""
    one = Examiner(Limits())
    yield one
    one.close()
