"""The library of reference faces, on a small one made here and on the one that is shipped."""

from __future__ import annotations

import json
import stat

import pytest

from vcam.config.library import ReferenceLibrary
from vcam.errors import ReferencePictureError

POINTS = [[1.5, 2.5]] * 478


@pytest.fixture
def library(tmp_path):
    """Two built-in references, none of the user's."""
    folder = tmp_path / "built-in"
    folder.mkdir()
    for name, title in (("vera", "Vera"), ("adam", "Adam")):
        (folder / f"{name}.webp").write_bytes(b"picture")
        card = {"id": name, "title": title, "tags": {"age": "young"}, "landmarks": POINTS}
        (folder / f"{name}.json").write_text(json.dumps(card))
    (folder / "index.json").write_text('["vera", "adam"]')
    return ReferenceLibrary(tmp_path / "own", folder)


def add(library, name, title="My face", digest="d1"):
    """One reference of the user's."""
    return library.add(
        name,
        title=title,
        source_sha256=digest,
        picture=b"webp",
        thumbnail=b"small",
        landmarks=POINTS,
    )


def test_built_in_first_then_the_users_by_title(library):
    """Menus show the built-in ones in their order, then the user's in alphabetical order."""
    add(library, "a", title="Zoe")
    add(library, "z", title="anna")
    shown = [(card.id, card.built_in) for card in library.cards()]
    assert shown == [("vera", True), ("adam", True), ("z", False), ("a", False)]


def test_first_is_the_first_built_in_one(library):
    """The setting `first` means a real reference, and a known id means itself."""
    assert library.resolve("first") == "vera"
    assert library.resolve("adam") == "adam"
    assert library.picture_path("first").name == "vera.webp"


@pytest.mark.parametrize("name", ["adan", "../vera", "", "Vera", "x" * 65])
def test_an_unknown_name_is_explained(library, name):
    """A name that is none, a path among them, is refused with the nearest or all that are known."""
    with pytest.raises(ReferencePictureError) as caught:
        library.picture_path(name)
    assert caught.value.code == "reference-unknown"
    assert "adam" in caught.value.hint or "vera" in caught.value.hint


def test_what_was_added_is_found_again_and_private(library, tmp_path):
    """Picture, thumbnail, landmarks and origin of an added reference; its files are 0600."""
    card = add(library, "mine", digest="abc")
    again = ReferenceLibrary(tmp_path / "own", tmp_path / "built-in")
    assert again.picture_path("mine").read_bytes() == b"webp"
    assert again.thumbnail_path("mine").read_bytes() == b"small"
    assert again.landmarks("mine") == POINTS
    assert again.find("abc") == card
    assert again.find("other") is None
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "own").iterdir()}
    assert modes == {0o600}


def test_a_reference_without_thumbnail_shows_its_picture(library):
    """There is always a picture to show."""
    assert library.thumbnail_path("vera") == library.picture_path("vera")


def test_removing(library, tmp_path):
    """The user's own go with all their files; built-in ones stay and say so."""
    add(library, "mine")
    library.remove("mine")
    assert list((tmp_path / "own").iterdir()) == []
    with pytest.raises(ReferencePictureError) as caught:
        library.remove("vera")
    assert caught.value.code == "reference-built-in"


def test_a_built_in_name_is_not_taken_over(library):
    """No reference of the user's can hide a built-in one, or the word `first`."""
    for name in ("vera", "first"):
        with pytest.raises(ReferencePictureError) as caught:
            add(library, name)
        assert caught.value.code == "reference-built-in"


def test_new_names_are_made_from_titles(library):
    """A file's name becomes an id that can be typed; a second one of that name differs."""
    assert library.free_id("Frau Müller (2)", "0123456789") == "frau-m-ller-2"
    assert library.free_id("???", "0123456789") == "face"
    add(library, "face")
    assert library.free_id("???", "0123456789") == "face-01234567"
    assert library.free_id("First", "0123456789") == "first-01234567"


def test_a_damaged_card_hides_only_itself(library, tmp_path):
    """A card that cannot be read is left out of the list, and says so when asked for."""
    add(library, "mine")
    (tmp_path / "own" / "mine.json").write_text("{")
    assert [card.id for card in library.cards()] == ["vera", "adam"]
    with pytest.raises(ReferencePictureError) as caught:
        library.landmarks("mine")
    assert caught.value.code == "reference-missing"


def test_the_shipped_references_are_complete(tmp_path):
    """Every built-in reference has a title, a picture and all its landmarks."""
    shipped = ReferenceLibrary(tmp_path)
    cards = shipped.cards()
    assert len(cards) >= 4
    for card in cards:
        assert card.title
        assert shipped.picture_path(card.id).is_file()
        points = shipped.landmarks(card.id)
        assert {len(point) for point in points} == {2}
        assert len(points) == 478
