"""The settings file: TOML, read at the daemon's start and written after every change."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import tomli_w

from vcam.config.private_file import write_private
from vcam.config.settings import SCHEMA_VERSION, Settings, parse
from vcam.errors import ConfigError

NOT_STORED = {"paused", "bypass"}
"""What a new start begins without: nobody should find the camera dead, or their face bare."""

_HEAD = "# vcam's settings. Every one is explained in docs/settings.md; `vcam config` shows them.\n"


def load_settings(path: Path) -> tuple[Settings, ConfigError | None]:
    """The stored settings, and what has to be said aloud about the file.

    A file that does not hold settings is set aside under another name and the defaults count;
    the error that comes with them says so.
    Raises: ConfigError (config-damaged) if the file is there and cannot be read at all.
    """
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return Settings(), None
    except OSError as error:
        raise ConfigError(
            "config-damaged",
            f"The settings file {path} cannot be read: {error.strerror or error}.",
            "make it readable, or remove it to start with the defaults",
        ) from error
    try:
        values = tomllib.loads(text.decode())
        values = _brought_up(values)
        return parse({key: values[key] for key in values if key not in NOT_STORED}), None
    except (ValueError, ConfigError) as error:  # TOML and UTF-8 errors are ValueErrors
        aside = _set_aside(path)
        return Settings(), ConfigError(
            "config-damaged",
            f"The settings file is damaged ({error}), so the defaults are used.",
            f"the old file is kept as {aside}",
        )


def save_settings(path: Path, settings: Settings) -> None:
    """Write the settings to `path`, 0600, whole or not at all.

    Raises: ConfigError (config-damaged) if the folder cannot be written.
    """
    values = settings.model_dump(mode="json", exclude=NOT_STORED)
    try:
        write_private(path, (_HEAD + tomli_w.dumps(values)).encode())
    except OSError as error:
        raise ConfigError(
            "config-damaged",
            f"The settings could not be stored in {path}: {error.strerror or error}.",
            "the change counts until vcam ends; free space or make the folder writable",
        ) from error


def _brought_up(values: dict[str, Any]) -> dict[str, Any]:
    """What an earlier form of the record said, in today's.

    Form 1 wrote the model's name although nobody had chosen it: `face256` was the default, where
    now `auto` is.
    """
    if values.get("version") != 1:
        return values
    model = values.get("model", "face256")
    return {**values, "version": SCHEMA_VERSION, "model": "auto" if model == "face256" else model}


def _set_aside(path: Path) -> Path:
    """Give a damaged file a name that no earlier damaged one has."""
    number = 1
    while (aside := path.with_name(f"{path.stem}.damaged-{number}{path.suffix}")).exists():
        number += 1
    return path.rename(aside)
