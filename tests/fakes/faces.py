"""Drawn faces that stand for reference pictures: no person's, made in a moment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from vcam.config import library
from vcam.config.folders import state_folder

TITLES = {"mira": "Mira", "omar": "Omar", "june": "June"}
_SKINS = {"mira": (198, 150, 120), "omar": (120, 84, 60), "june": (230, 190, 165)}


def draw_face(name: str, side: int = 256) -> np.ndarray:
    """A drawn face, [side, side, 3] RGB."""
    picture = np.full((side, side, 3), (70, 90, 110), np.uint8)
    skin, middle = _SKINS.get(name, (200, 160, 130)), side // 2
    cv2.ellipse(picture, (middle, middle), (side // 4, side // 3), 0, 0, 360, skin, -1, cv2.LINE_AA)
    for x in (-side // 10, side // 10):
        eye = (middle + x, middle - side // 12)
        cv2.circle(picture, eye, side // 32, (30, 30, 40), -1, cv2.LINE_AA)
    mouth = (middle, middle + side // 7)
    cv2.ellipse(picture, mouth, (side // 12, side // 30), 0, 0, 180, (150, 60, 70), -1, cv2.LINE_AA)
    return picture


def landmarks(width: int, height: int) -> list[list[float]]:
    """478 points on an oval in the middle of a picture."""
    angles = np.linspace(0, 2 * np.pi, 478, endpoint=False)
    points = np.stack([width * (0.5 + np.cos(angles) / 4), height * (0.5 + np.sin(angles) / 3)], 1)
    return points.round(2).tolist()


def write_library(folder: Path) -> Path:
    """A folder of built-in reference faces, in the form of the real one."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, title in TITLES.items():
        picture = draw_face(name)
        encoded = cv2.imencode(".webp", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1]
        (folder / f"{name}.webp").write_bytes(encoded.tobytes())
        card = {"id": name, "title": title, "tags": {}, "landmarks": landmarks(256, 256)}
        (folder / f"{name}.json").write_text(json.dumps(card))
    (folder / "index.json").write_text(json.dumps(list(TITLES)))
    return folder


def use_drawn_faces() -> None:
    """Let every ReferenceLibrary of this process have the drawn faces for its built-in ones."""
    folder = state_folder() / "built-in"
    if not (folder / "index.json").exists():
        write_library(folder)
    original = library.ReferenceLibrary.__init__

    def with_drawn_faces(self: library.ReferenceLibrary, *arguments: Any) -> None:
        original(self, *arguments)
        self._built_in = folder

    setattr(library.ReferenceLibrary, "__init__", with_drawn_faces)  # noqa: B010 - a fake
