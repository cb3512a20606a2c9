"""From settings to layers the loops can use."""

from __future__ import annotations

import pytest

from vcam.config.settings import parse
from vcam.engine.styling import Stylist
from vcam.errors import ReferencePictureError


@pytest.fixture
def told():
    """What the stylist reported."""
    return []


@pytest.fixture
def stylist(library, told):
    """A stylist over the small library."""
    return Stylist(library, told.append)


def test_strengths_are_multiplied_and_layers_at_0_are_gone(stylist):
    """The master multiplies each layer; a layer that would do nothing costs nothing."""
    layers = [
        {"mask": ["eyes", "mouth"], "strength": 0.5, "tone": 0.25, "detail": 0.75},
        {"strength": 0.0},
        {"reference": "adam", "mode": "replace"},
    ]
    orders = stylist.orders(parse({"strength": 0.8, "layers": layers}), revision=7)
    assert orders.revision == 7
    assert [one.strength for one in orders.layers] == pytest.approx([0.4, 0.8])
    first, last = orders.layers
    assert (first.regions, first.tone, first.detail) == (("eyes", "mouth"), 0.25, 0.75)
    assert (first.reference.id, last.reference.id, last.mode) == ("vera", "adam", "replace")
    assert stylist.orders(parse({"strength": 0.0}), 8).layers == ()


def test_a_reference_is_decoded_once(stylist):
    """The same reference is the same object through all changes, so the device keeps its copy."""
    first = stylist.orders(parse({}), 1).layers[0].reference
    stylist.orders(parse({"layers": [{"reference": "adam"}]}), 2)
    again = stylist.orders(parse({"layers": [{"reference": "vera"}]}), 3).layers[0].reference
    assert again is first
    assert first.pixels.shape == (8, 8, 3)
    assert first.landmarks.shape == (478, 2)


@pytest.mark.parametrize("damage", ["card", "picture", "landmarks", "gone"])
def test_a_reference_that_cannot_be_loaded_leaves_the_previous_one(
    stylist, library, told, tmp_path, damage
):
    """The face stays the last one that worked, and the trouble is told until it is over."""
    stylist.orders(parse({"layers": [{"reference": "adam"}]}), 1)
    folder = tmp_path / "built-in"
    match damage:
        case "card":
            (folder / "mia.json").write_text("{")
        case "picture":
            (folder / "mia.webp").write_bytes(b"no picture")
        case "landmarks":
            (folder / "mia.json").write_text('{"landmarks": [[1, 2], [3]]}')
        case _:
            (folder / "index.json").write_text('["vera", "adam"]')
    orders = stylist.orders(parse({"layers": [{"reference": "mia"}]}), 2)
    assert orders.layers[0].reference.id == "adam"
    stylist.orders(parse({}), 3)
    codes = [error and error.code for error in told]
    assert codes == [None, "reference-unknown" if damage == "gone" else "reference-missing", None]


def test_a_start_with_a_lost_reference_is_styled_all_the_same(stylist, told):
    """Without a previous face the first built-in one is taken: left out, the own would show."""
    orders = stylist.orders(parse({"layers": [{"reference": "gone"}]}), 1)
    assert [one.reference.id for one in orders.layers] == ["vera"]
    assert told[0].code == "reference-unknown"


def test_without_built_in_references_nothing_can_be_styled(stylist, tmp_path):
    """A broken installation says so."""
    (tmp_path / "built-in" / "vera.webp").unlink()
    with pytest.raises(ReferencePictureError, match="vera"):
        stylist.orders(parse({}), 1)
