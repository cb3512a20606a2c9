"""`vcam config`: where the files are, and what the settings are."""

from __future__ import annotations

import argparse
import json

import tomli_w

from vcam.cli.log import log_path
from vcam.client.note import read_note
from vcam.config.folders import config_folder, runtime_folder, state_folder
from vcam.config.store import load_settings


def main(arguments: argparse.Namespace) -> int:
    """Print both; the settings are the stored ones, without a run's flags."""
    path = config_folder() / "settings.toml"
    settings, damage = load_settings(path)
    note = read_note(runtime_folder())
    files = {
        "settings": str(path),
        "references": str(state_folder() / "references"),
        "log": str(log_path()),
        "engine_log": str(state_folder() / "engine.log"),
        "runtime": str(runtime_folder()),
    }
    values = settings.model_dump(mode="json")
    if arguments.json:
        record = {"files": files, "process": note and note["pid"], "settings": values}
        print(json.dumps(record, indent=2))
        return 0
    if damage is not None:
        print(f"{damage} ({damage.hint})\n")
    print("\n".join(f"{name:<11}  {where}" for name, where in files.items()))
    print(f"{'running':<11}  {'no' if note is None else note['pid']}\n")
    print(tomli_w.dumps(values), end="")
    return 0
