"""The reference faces as page and command line handle them: list, add, remove, thumbnails."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Collection
from pathlib import Path
from typing import IO, TypedDict

from vcam.config.folders import runtime_folder
from vcam.config.library import ReferenceLibrary
from vcam.daemon.jobs import Jobs
from vcam.errors import ReferencePictureError


class CardRecord(TypedDict):
    """One reference face, as JSON."""

    id: str
    title: str
    built_in: bool
    tags: dict[str, str | bool]


class References:
    """What can be done with reference faces; safe from any thread.

    in_use: ids that the settings name now; these are not removed.
    on_change: called after the set of faces has changed.
    """

    def __init__(
        self,
        library: ReferenceLibrary,
        jobs: Jobs,
        *,
        in_use: Callable[[], Collection[str]] = frozenset,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self.library, self._jobs = library, jobs
        self._in_use, self._on_change = in_use, on_change

    def cards(self) -> list[CardRecord]:
        """Every face: the built-in ones first, then the user's."""
        return [
            CardRecord(id=card.id, title=card.title, built_in=card.built_in, tags=dict(card.tags))
            for card in self.library.cards()
        ]

    def card(self, reference_id: str) -> CardRecord:
        """One face; `first` is the first built-in one.

        Raises: ReferencePictureError (reference-unknown).
        """
        found = self.library.resolve(reference_id)
        return next(card for card in self.cards() if card["id"] == found)

    def add(self, picture: Path, reference_id: str | None = None) -> CardRecord:
        """Make a picture a reference face; the same file again is the same face.

        reference_id: its id; None makes one from the file's name.
        Raises: ReferencePictureError with the reason; DaemonError (job-failed).
        """
        if not picture.is_file():
            raise ReferencePictureError(
                "reference-missing", f"There is no file {picture}.", "check the path"
            )
        done = self._jobs.run("add-reference", {"path": str(picture.resolve()), "id": reference_id})
        self._on_change()
        return self.card(done["id"])

    def add_upload(self, body: IO[bytes], name: str) -> CardRecord:
        """`add` for bytes that came through the API; `name` is the file's, for the face's title."""
        with tempfile.TemporaryDirectory(dir=runtime_folder()) as folder:  # 0700
            stem = re.sub(r"[^\w -]+", "-", Path(name).stem)[:64].strip("- ")
            picture = Path(folder, stem or "face")
            with picture.open("wb") as file:
                shutil.copyfileobj(body, file)
            return self.add(picture)

    def remove(self, reference_id: str) -> None:
        """Remove one of the user's own faces.

        Raises: ReferencePictureError (reference-unknown, -built-in, -in-use).
        """
        found = self.library.resolve(reference_id)
        if found in {self.library.resolve(used) for used in self._in_use()}:
            raise ReferencePictureError(
                "reference-in-use",
                f"The face {found!r} is the one in use.",
                "choose another reference face first",
            )
        self.library.remove(found)
        self._on_change()

    def thumbnail(self, reference_id: str) -> Path:
        """The file of a small square of the face, WebP that we wrote ourselves.

        Raises: ReferencePictureError (reference-unknown).
        """
        return self.library.thumbnail_path(reference_id)
