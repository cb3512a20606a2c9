"""The settings record and the changes that flags, page and programs make to it."""

import json
from pathlib import Path

import pytest

from vcam.config.changes import LAYER_ONE, apply_changes, read_assignment
from vcam.config.settings import Layer, Settings, parse
from vcam.errors import ConfigError


def refused(changes):
    """The error that a change ends with."""
    with pytest.raises(ConfigError) as caught:
        apply_changes(Settings(), changes)
    return caught.value


def test_defaults_are_valid():
    """The defaults read back as themselves, so a file written at once can be read at once."""
    assert parse(Settings().model_dump(mode="json")) == Settings()


@pytest.mark.parametrize(
    ("misspelt", "meant"),
    [("strenght", "strength"), ("referense", "reference"), ("on-trouble", "on_trouble")],
)
def test_unknown_setting_offers_the_nearest_name(misspelt, meant):
    """A misspelt setting is answered with the name that was probably meant."""
    error = refused({misspelt: 1})
    assert error.code == "setting-unknown"
    assert repr(meant) in error.hint


def test_unknown_field_of_a_layer_offers_the_nearest_name():
    """Inside a layer the nearest field of a layer is offered."""
    error = refused({"layers": [{"strengh": 1}]})
    assert error.code == "setting-unknown"
    assert "'strength'" in error.hint


def test_unknown_region_offers_the_nearest_region():
    """A misspelt region is answered with the region that was probably meant."""
    assert "'eyes'" in refused({"regions": ["eye"]}).hint


@pytest.mark.parametrize(
    "changes",
    [
        {"strength": float("nan")},
        {"strength": "nan"},
        {"strength": float("inf")},
        {"strength": 1.01},
        {"strength": -0.01},
        {"strength": None},
        {"tone": "loud"},
        {"regions": []},
        {"layers": []},
        {"layers": [{}] * 9},
        {"size": "1281x720"},
        {"size": "2x2"},
        {"size": "big"},
        {"fps": 0},
        {"port": 65536},
        {"reference": "../../etc/passwd"},
        {"reference": "x" * 65},
        {"device": "tpu"},
        {"source": ""},
    ],
)
def test_impossible_values_are_refused(changes):
    """A value outside its range is refused with the setting's name and meaning, NaN included."""
    error = refused(changes)
    assert error.code == "setting-invalid"
    assert error.hint


def test_short_names_change_layer_one_only():
    """`reference`, `regions`, `mode`, `tone` and `detail` leave all else in layer 1 and 2 alone."""
    two = apply_changes(Settings(), {"layers": [{"strength": 0.5}, {"reference": "b"}]})
    changed = apply_changes(two, {"reference": "a", "regions": ["eyes"], "tone": 0.25})
    first, second = changed.layers
    assert (first.reference, first.mask, first.tone) == ("a", ("eyes",), 0.25)
    assert first.strength == 0.5
    assert second == two.layers[1]


def test_a_refused_change_changes_nothing():
    """Of several changes none is made if one is refused."""
    before = Settings()
    with pytest.raises(ConfigError):
        apply_changes(before, {"strength": 0.1, "tone": 7})
    assert before == Settings()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("strength=0.5", {"strength": 0.5}),
        ("paused=true", {"paused": True}),
        ("fps = 25", {"fps": 25}),
        ("sinks=null,preview", {"sinks": ("null", "preview")}),
        ("source=/a=b.mp4", {"source": "/a=b.mp4"}),
    ],
)
def test_assignments_are_read_by_their_field(text, expected):
    """KEY=VALUE from a command line becomes a value of the setting's own type."""
    changed = apply_changes(Settings(), dict([read_assignment(text)]))
    assert {name: getattr(changed, name) for name in expected} == expected


def test_layers_are_read_as_json():
    """A whole list of layers can be given on the command line, as JSON."""
    changed = apply_changes(Settings(), dict([read_assignment('layers=[{"mask": ["nose"]}]')]))
    assert changed.layers[0].mask == ("nose",)


@pytest.mark.parametrize("text", ["strength", "=1", "layers=[{"])
def test_what_is_no_assignment_is_refused(text):
    """Text that is no KEY=VALUE is refused with an example."""
    with pytest.raises(ConfigError) as caught:
        read_assignment(text)
    assert caught.value.code == "setting-invalid"


def test_every_setting_is_documented():
    """docs/settings.md names every setting, every field of a layer and every short name."""
    text = (Path(__file__).parents[3] / "docs" / "settings.md").read_text()
    for name in (*Settings.model_fields, *Layer.model_fields, *LAYER_ONE):
        assert f"`{name}`" in text, name


def test_the_documented_defaults_are_the_defaults():
    """docs/settings.md gives each setting of one word or number its real default."""
    text = (Path(__file__).parents[3] / "docs" / "settings.md").read_text()
    for name, default in Settings().model_dump(mode="json").items():
        if isinstance(default, list | dict):
            continue
        shown = f"`{default}`" if isinstance(default, str) else json.dumps(default)
        assert f"| `{name}` | {shown} |" in text, name
