"""`vcam references add|list|remove`, with a running vcam or without."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from vcam.cli.answer import answer
from vcam.client import Client
from vcam.config.folders import state_folder
from vcam.errors import DaemonError


class _Shelf(Protocol):
    """Where reference faces are kept: through the daemon if one runs, else in the files."""

    def references(self) -> list[dict[str, Any]]:
        """All of them."""
        ...

    def add_reference(self, picture: str | Path) -> dict[str, Any]:
        """A new one."""
        ...

    def remove_reference(self, reference_id: str) -> None:
        """One less."""
        ...


class _Files:
    """The library of this user, when no daemon runs."""

    def __init__(self) -> None:
        # Settings and children are loaded only where no daemon does the work.
        from vcam.config.library import ReferenceLibrary
        from vcam.daemon.jobs import Jobs
        from vcam.daemon.references import References

        self._references = References(ReferenceLibrary(), Jobs(state_folder() / "engine.log"))

    def references(self) -> list[dict[str, Any]]:
        return [dict(card) for card in self._references.cards()]

    def add_reference(self, picture: str | Path) -> dict[str, Any]:
        return dict(self._references.add(Path(picture)))

    def remove_reference(self, reference_id: str) -> None:
        self._references.remove(reference_id)


def main(arguments: argparse.Namespace) -> int:
    """Do what was asked; the first failure ends it."""
    shelf = _shelf()
    if arguments.what == "add":
        added = [shelf.add_reference(picture) for picture in arguments.picture]
        answer(arguments, added, [f"{card['id']}: {card['title']}" for card in added])
    elif arguments.what == "remove":
        for reference_id in arguments.id:
            shelf.remove_reference(reference_id)
        answer(arguments, arguments.id, [f"{name} is removed." for name in arguments.id])
    else:
        cards = shelf.references()
        answer(arguments, cards, _table(cards))
    return 0


def _shelf() -> _Shelf:
    client = Client()
    try:
        client.status()
    except DaemonError as error:
        if error.code == "not-running":
            return _Files()
        raise
    return client


def _table(cards: list[dict[str, Any]]) -> list[str]:
    width = max((len(card["id"]) for card in cards), default=0)
    return [f"{card['id']:<{width}}  {card['title']}{_origin(card)}" for card in cards]


def _origin(card: Mapping[str, Any]) -> str:
    return "" if card["built_in"] else "  (your own)"
