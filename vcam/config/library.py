"""The library of reference faces: those that come with the program, and the user's own.

A reference is three files: `<id>.webp`, its picture; `<id>.json`, its card with title, tags and
landmarks; `<id>.thumb.webp`, a small square of the face. The built-in ones lie in the package, in
the order of `index.json`; the user's lie in the state folder, 0600. Nothing here decodes a picture:
that is the jobs process's work (`vcam.engine.jobs`), which adds what it made with `add`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from vcam.config.folders import state_folder
from vcam.config.private_file import write_private
from vcam.config.settings import FIRST_BUILT_IN, nearest_name
from vcam.errors import ReferencePictureError

ID_PATTERN = re.compile(r"[a-z0-9-]{1,64}")


@dataclass(frozen=True, slots=True)
class ReferenceCard:
    """What is shown of a reference: title for people, tags to search by."""

    id: str
    title: str
    built_in: bool
    tags: Mapping[str, str | bool]


class ReferenceLibrary:
    """Reference faces by id; looks at the files anew each time, so that all processes agree.

    user_folder: where the user's own lie, made when the first is added; by default in the state
        folder. built_in_folder: by default the package's.
    """

    def __init__(
        self, user_folder: Path | None = None, built_in_folder: Path | None = None
    ) -> None:
        self._user = user_folder or state_folder() / "references"
        self._built_in = built_in_folder or Path(str(files("models") / "assets" / "references"))

    def cards(self) -> list[ReferenceCard]:
        """The built-in ones in their order, then the user's by title; unreadable ones left out."""
        built_in = [_card(self._built_in, name, built_in=True) for name in self._index()]
        names = [path.stem for path in self._user.glob("*.json") if ID_PATTERN.fullmatch(path.stem)]
        own = [card for name in names if (card := _card(self._user, name, built_in=False))]
        own.sort(key=lambda card: (card.title.casefold(), card.id))
        return [card for card in built_in if card] + own

    def resolve(self, reference_id: str) -> str:
        """The id itself, or the first built-in one's for `first`.

        Raises: ReferencePictureError (reference-unknown), with the nearest id.
        """
        if reference_id == FIRST_BUILT_IN:
            return self._index()[0]
        self._folder_of(reference_id)
        return reference_id

    def picture_path(self, reference_id: str) -> Path:
        """The reference's picture, WebP.

        Raises: ReferencePictureError (reference-unknown), also in the next two.
        """
        found = self.resolve(reference_id)
        return self._folder_of(found) / f"{found}.webp"

    def thumbnail_path(self, reference_id: str) -> Path:
        """A small square of the face, WebP; the whole picture where there is none."""
        picture = self.picture_path(reference_id)
        thumbnail = picture.with_suffix(".thumb.webp")
        return thumbnail if thumbnail.exists() else picture

    def landmarks(self, reference_id: str) -> list[list[float]]:
        """478 (x, y) in pixels of the reference's picture.

        Raises: ReferencePictureError (reference-missing) if the card cannot be read.
        """
        found = self.resolve(reference_id)
        points = _read_card(self._folder_of(found), found).get("landmarks")
        if not isinstance(points, list):
            raise _missing(found)
        return points  # pyright: ignore[reportUnknownVariableType] - our own card's

    def find(self, source_sha256: str) -> ReferenceCard | None:
        """The user's reference that was made from a file with this SHA-256, if there is one."""
        own = (card for card in self.cards() if not card.built_in)
        made_from = ((card, _read_card(self._user, card.id).get("source_sha256")) for card in own)
        return next((card for card, digest in made_from if digest == source_sha256), None)

    def free_id(self, title: str, source_sha256: str) -> str:
        """An id for a new reference: its title in small letters, made unique by the digest."""
        wanted = re.sub(r"[^a-z0-9]+", "-", title.casefold()).strip("-")[:50] or "face"
        taken = {card.id for card in self.cards()} | {FIRST_BUILT_IN}
        return wanted if wanted not in taken else f"{wanted}-{source_sha256[:8]}"

    def add(
        self,
        reference_id: str,
        *,
        title: str,
        source_sha256: str,
        picture: bytes,
        thumbnail: bytes,
        landmarks: list[list[float]],
    ) -> ReferenceCard:
        """Keep a reference of the user's under this id; one of the same id is replaced.

        picture, thumbnail: WebP without EXIF.
        Raises: ReferencePictureError (reference-built-in) if a built-in one has the id; ValueError
        if it is no id; OSError if the folder cannot be written.
        """
        if not ID_PATTERN.fullmatch(reference_id):
            raise ValueError(f"{reference_id!r} is no reference id")
        if reference_id in (*self._index(), FIRST_BUILT_IN):
            raise ReferencePictureError(
                "reference-built-in",
                f"{reference_id!r} is the name of a built-in reference.",
                "choose another name",
            )
        card = {
            "id": reference_id,
            "title": title,
            "tags": {},
            "source_sha256": source_sha256,
            "landmarks": landmarks,
        }
        self._user.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(self._user / f"{reference_id}.webp", picture)
        write_private(self._user / f"{reference_id}.thumb.webp", thumbnail)
        # The card last: a reference is there when its card is.
        write_private(self._user / f"{reference_id}.json", json.dumps(card).encode())
        return ReferenceCard(reference_id, title, built_in=False, tags={})

    def remove(self, reference_id: str) -> None:
        """Delete a reference of the user's.

        Raises: ReferencePictureError (reference-unknown; reference-built-in: those stay).
        """
        if self._folder_of(reference_id) == self._built_in:
            raise ReferencePictureError(
                "reference-built-in",
                f"{reference_id!r} comes with the program and cannot be removed.",
                "`vcam references list` shows which are your own",
            )
        for ending in (".json", ".webp", ".thumb.webp"):
            (self._user / f"{reference_id}{ending}").unlink(missing_ok=True)

    def _index(self) -> list[str]:
        """Ids of the built-in ones, in their order; there is at least one."""
        try:
            return json.loads((self._built_in / "index.json").read_bytes())
        except (OSError, ValueError) as error:
            raise ReferencePictureError(
                "reference-missing",
                "The built-in reference faces are missing.",
                "install vcam again: this installation is incomplete",
            ) from error

    def _folder_of(self, reference_id: str) -> Path:
        """Where a reference lies; an id is checked before it becomes part of a path."""
        if reference_id in self._index():
            return self._built_in
        if ID_PATTERN.fullmatch(reference_id) and (self._user / f"{reference_id}.json").exists():
            return self._user
        raise ReferencePictureError(
            "reference-unknown",
            f"There is no reference called {reference_id!r}.",
            nearest_name(reference_id, [card.id for card in self.cards()]),
        )


def _card(folder: Path, name: str, *, built_in: bool) -> ReferenceCard | None:
    try:
        card = _read_card(folder, name)
    except ReferencePictureError:
        return None
    return ReferenceCard(name, str(card.get("title", name)), built_in, card.get("tags", {}))


def _read_card(folder: Path, name: str) -> dict[str, Any]:
    try:
        card = json.loads((folder / f"{name}.json").read_bytes())
    except (OSError, ValueError) as error:
        raise _missing(name) from error
    if not isinstance(card, dict):
        raise _missing(name)
    return card  # pyright: ignore[reportUnknownVariableType] - our own card's


def _missing(name: str) -> ReferencePictureError:
    return ReferencePictureError(
        "reference-missing",
        f"The files of reference {name!r} are missing or damaged.",
        f"remove it with `vcam references remove {name}` and add it again",
    )
