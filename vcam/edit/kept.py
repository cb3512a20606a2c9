"""References made ready by an editor, each at its first use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from vcam.frame import Reference

Prepared = TypeVar("Prepared")
"""What an editor makes of a reference."""


class KeptReferences(Generic[Prepared]):
    """Those made last: the oldest goes when there are `count`."""

    def __init__(self, prepare: Callable[[Reference], Prepared], count: int) -> None:
        self._prepare, self._count = prepare, count
        self._kept: dict[Reference, Prepared] = {}

    def __getitem__(self, reference: Reference) -> Prepared:
        prepared = self._kept.get(reference)
        if prepared is None:
            if len(self._kept) == self._count:
                del self._kept[next(iter(self._kept))]
            prepared = self._kept[reference] = self._prepare(reference)
        return prepared
