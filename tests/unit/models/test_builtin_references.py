"""The built-in reference faces: complete, varied, and free of any real person."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

FOLDER = Path(__file__).parents[3] / "models" / "assets" / "references"
INDEX: list[str] = json.loads((FOLDER / "index.json").read_text())
CARDS: dict[str, dict[str, Any]] = {
    name: json.loads((FOLDER / f"{name}.json").read_text()) for name in INDEX
}
ALLOWED = {("faker-js/assets-person-portrait", "CC0-1.0")}  # AI-generated, and free for any use


def tags(name: str) -> list[str | bool]:
    """One tag of all the faces, in the index's order."""
    return [card["tags"][name] for card in CARDS.values()]


def test_index_names_every_face_and_nothing_else() -> None:
    """What lies in the folder is what the index names: each with picture, card and thumbnail."""
    assert len(INDEX) == len(set(INDEX))
    assert {
        f"{name}{ending}" for name in INDEX for ending in (".json", ".webp", ".thumb.webp")
    } == {path.name for path in FOLDER.iterdir() if path.name != "index.json"}


def test_there_is_someone_for_everyone() -> None:
    """At least twelve adults, three of them made up, of both genders, all skins and ages."""
    assert len(INDEX) >= 12
    assert sum(map(bool, tags("makeup"))) >= 3
    assert set(tags("gender")) == {"f", "m"}
    assert set(tags("skin")) == {"light", "medium", "dark"}
    assert set(tags("age")) == {"young", "middle", "older"}
    assert min(tags("skin").count(skin) for skin in ("light", "medium", "dark")) >= 3
    assert min(tags("gender").count(gender) for gender in "fm") >= 5


def test_default_face_wears_no_makeup() -> None:
    """The first of the index is what a newcomer gets: a face that suits anybody."""
    assert CARDS[INDEX[0]]["tags"]["makeup"] is False


@pytest.mark.parametrize("name", INDEX)
def test_face_is_a_morph_of_free_generated_faces(name: str) -> None:
    """No built-in face is the likeness of one source, and every source may be given away."""
    made_from = CARDS[name]["made_from"]
    assert len({source["sha256"] for source in made_from}) >= 3
    assert {(source["source"], source["licence"]) for source in made_from} <= ALLOWED
    weights = [source["weight"] for source in made_from]
    assert sum(weights) == pytest.approx(1, abs=0.01)
    assert max(weights) <= 0.5


@pytest.mark.parametrize("name", INDEX)
def test_picture_and_landmarks_belong_together(name: str) -> None:
    """The picture decodes, is large and light enough; the face fills it, upright and frontal."""
    path, card = FOLDER / f"{name}.webp", CARDS[name]
    assert card["id"] == name
    assert re.fullmatch(r"[a-z0-9-]{1,64}", name)
    assert card["title"]
    assert path.stat().st_size <= 200_000
    with Image.open(path) as picture:
        picture.load()
        assert picture.mode == "RGB"
        assert not picture.getexif()
        width, height = picture.size
    assert 512 <= width <= 1024
    assert 0.8 <= width / height <= 1.25
    points = card["landmarks"]
    assert len(points) == 478
    assert all(0 <= x <= width and 0 <= y <= height for x, y in points)
    forehead, chin, right, left, nose = (points[i] for i in (10, 152, 234, 454, 1))
    assert 0.5 <= (chin[1] - forehead[1]) / height <= 0.8
    assert abs(chin[0] - forehead[0]) <= 0.1 * height
    assert abs((nose[0] - right[0]) - (left[0] - nose[0])) <= 0.2 * (left[0] - right[0])
