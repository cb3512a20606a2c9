"""Changes to the settings as flags, page and programs write them.

Besides the record's own fields five short names stand for layer 1, the one that tray, hotkeys and
page show first: `reference`, `regions`, `mode`, `tone` and `detail`. A change that names only
these leaves what another hand has just set in the same layer alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from vcam.config.settings import Settings, nearest_name
from vcam.errors import ConfigError

LAYER_ONE: dict[str, str] = {
    "reference": "reference",
    "regions": "mask",
    "mode": "mode",
    "tone": "tone",
    "detail": "detail",
}
"""Short name -> field of layer 1."""

_LISTS = frozenset({"regions", "sinks"})


def apply_changes(settings: Settings, changes: Mapping[str, Any]) -> Settings:
    """`settings` with `changes` made; short names go to layer 1.

    Raises: ConfigError, naming the field, what it may be, and the nearest name if unknown.
    """
    known = [*Settings.model_fields, *LAYER_ONE]
    for name in changes:
        if name not in known:
            raise ConfigError(
                "setting-unknown",
                f"There is no setting called {name!r}.",
                nearest_name(name, known),
            )
    direct = {name: value for name, value in changes.items() if name not in LAYER_ONE}
    first = {LAYER_ONE[name]: value for name, value in changes.items() if name in LAYER_ONE}
    if not first:
        return settings.changed(direct)
    changed = settings.changed(direct)
    layers = changed.model_dump(mode="json")["layers"]
    layers[0].update(first)
    return changed.changed({"layers": layers})


def read_assignment(text: str) -> tuple[str, Any]:
    """`KEY=VALUE` from a command line as a change.

    Lists are written with commas, `layers` as JSON; everything else is read by its field.
    Raises: ConfigError (setting-invalid) if there is no `=` or the JSON is broken.
    """
    key, equals, value = text.partition("=")
    key, value = key.strip(), value.strip()
    if not equals or not key:
        raise ConfigError(
            "setting-invalid", f"{text!r} is not a setting.", "write KEY=VALUE, as in strength=0.5"
        )
    if key in _LISTS:
        return key, [part.strip() for part in value.split(",")]
    if key == "layers":
        try:
            return key, json.loads(value)
        except ValueError as error:
            raise ConfigError(
                "setting-invalid",
                f"layers is not readable as JSON: {error}.",
                """write it like layers=[{"mask": ["eyes"], "reference": "first"}]""",
            ) from error
    return key, value
