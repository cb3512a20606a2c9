"""`vcam models list|import|verify|use|remove`, with a running vcam or without.

Models are files that every vcam of this user sees, so only the choice of one goes through a running
daemon.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, NamedTuple

from models.config import NetworkConfig
from models.weights import Card
from vcam.cli.answer import answer
from vcam.client import Client
from vcam.config.folders import config_folder, state_folder
from vcam.config.models import RESERVED, ModelLibrary
from vcam.config.settings import Settings
from vcam.config.store import load_settings, save_settings
from vcam.errors import DAMAGED_WEIGHTS, DaemonError, EditError

Record = dict[str, Any]


class _Choice(NamedTuple):
    """Which model is in use.

    now: a name; `auto` if vcam chooses when it starts.
    running: the daemon that was asked; None if the settings file was.
    """

    now: str
    running: Client | None


def main(arguments: argparse.Namespace) -> int:
    """Do what was asked."""
    library = ModelLibrary()
    match arguments.what:
        case "import":
            return _import(library, arguments)
        case "verify":
            return _verify(library, arguments)
        case "use":
            return _use(library, arguments)
        case "remove":
            return _remove(library, arguments)
        case _:
            return _list(library, arguments)


def _list(library: ModelLibrary, arguments: argparse.Namespace) -> int:
    chosen = _choice().now
    records = [_record(library, name, chosen) for name in library.names()]
    width = max(len(record["name"]) for record in records)
    lines = [_line(record, width) for record in records]
    if chosen in RESERVED:
        lines.append("vcam chooses one of them when it starts (auto).")
    elif chosen not in library.names():
        lines.append(f"The model in use, {chosen!r}, is not here; choose one: vcam models use NAME")
    answer(arguments, records, lines)
    return 0


def _import(library: ModelLibrary, arguments: argparse.Namespace) -> int:
    from vcam.daemon.jobs import Jobs
    from vcam.daemon.models import import_checkpoint

    path = Path(arguments.file)
    if not arguments.json:
        print(f"Reading {path.name}; this can take a minute.", flush=True)
    jobs = Jobs(state_folder() / "engine.log")
    card, advice = import_checkpoint(library, jobs, path, arguments.name)
    record = {**_record(library, card.name, _choice().now), "advice": advice}
    lines = [
        f"{card.name}: {_network(card)}, {_megabytes(card.bytes)}.",
        f"Licence: {card.licence}",
    ]
    lines += [f"Note: {advice}"] if advice else []
    answer(arguments, record, [*lines, f"Use it with `vcam models use {card.name}`."])
    return 0


def _verify(library: ModelLibrary, arguments: argparse.Namespace) -> int:
    """Exit status 5 if one is damaged; the others are looked at all the same."""
    records: list[Record] = []
    lines: list[str] = []
    for name in arguments.name or library.names():
        library.locate(name)  # an unknown name is misuse, not damage
        try:
            card = library.verify(name)
        except EditError as error:
            records.append({"name": name, "ok": False, "error": error.record()})
            lines.append(f"{name}: {error} {error.hint}")
        else:
            records.append({"name": name, "ok": True, "error": None})
            lines.append(f"{name}: intact, SHA-256 {card.sha256}")
    answer(arguments, records, lines)
    return 0 if all(record["ok"] for record in records) else DAMAGED_WEIGHTS


def _use(library: ModelLibrary, arguments: argparse.Namespace) -> int:
    is_choice_left = arguments.name in RESERVED
    licence = None if is_choice_left else library.card(arguments.name).licence
    running = _choice().running
    if running is not None:
        running.change(model=arguments.name)
    else:
        save_settings(_settings_file(), _stored().changed({"model": arguments.name}))
    when = "The running vcam loads it now." if running else "vcam uses it from its next start on."
    record = {"name": arguments.name, "licence": licence, "running": running is not None}
    lines = [f"{arguments.name}: {when}", *([f"Licence: {licence}"] if licence else [])]
    answer(arguments, record, lines)
    return 0


def _remove(library: ModelLibrary, arguments: argparse.Namespace) -> int:
    """All of them, or none if one of them cannot be removed."""
    in_use = {_choice().now, _stored().model}
    for name in arguments.name:
        library.check_removable(name)
        if name in in_use:
            raise EditError(
                "weights-in-use",
                f"The model {name!r} is the one in use.",
                "choose another one first: `vcam models use auto`",
            )
    for name in dict.fromkeys(arguments.name):
        library.remove(name)
    answer(arguments, arguments.name, [f"{name} is removed." for name in arguments.name])
    return 0


def _choice() -> _Choice:
    """The running vcam's model, else the stored one."""
    client = Client()
    try:
        wanted = client.settings()["model"]
        chosen = client.status()["engine"]["model"] if wanted in RESERVED else wanted
        return _Choice(chosen or wanted, client)
    except DaemonError as error:
        if error.code == "not-running":
            return _Choice(_stored().model, None)
        raise


def _stored() -> Settings:
    """The stored settings; a damaged file is said aloud, as by `vcam run`."""
    settings, damage = load_settings(_settings_file())
    if damage is not None:
        print(f"vcam: {damage} ({damage.hint})", file=sys.stderr)
    return settings


def _settings_file() -> Path:
    return config_folder() / "settings.toml"


# ---- what is shown -------------------------------------------------------------------------------


def _record(library: ModelLibrary, name: str, chosen: str) -> Record:
    """A model, as JSON; of one whose card is damaged only what is known."""
    record: Record = {
        "name": name,
        "built_in": library.is_built_in(name),
        "in_use": name == chosen,
    }
    try:
        card = library.card(name)
    except EditError as error:
        return {**record, "error": error.record()}
    return {
        **record,
        "network": _network(card),
        "crop": card.crop,
        "licence": card.licence,
        "data": card.data,
        "bytes": card.bytes,
        "sha256": card.sha256,
        "error": None,
    }


def _line(record: Record, width: int) -> str:
    start = f"{'*' if record['in_use'] else ' '} {record['name']:<{width}}"
    if record["error"] is not None:
        return f"{start}  damaged: {record['error']['message']}"
    origin = "built in" if record["built_in"] else "imported"
    return (
        f"{start}  {record['network']}, {record['crop']} crop, {_megabytes(record['bytes'])}, "
        f"{origin}\n  {'':<{width}}  {record['licence']}"
    )


def _network(card: Card) -> str:
    """The network in words."""
    config = card.config
    if isinstance(config, NetworkConfig):
        form = "light" if config.light else "full"
        return f"StyleMapGAN {config.size}/{config.stylemap_size} {form}, width {config.multiplier}"
    return "small network for CPUs"


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.0f} MB"
