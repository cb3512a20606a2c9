"""The weights that the `model` setting can name: built-in ones, and those the user imported.

Imported weights are a folder of their own in the state folder, `models/<name>/`, with the tensors
and their card (models.weights), 0600. A folder gets its name when everything in it is written, so a
model is there whole or not at all. Nothing here opens tensors, and torch is not needed.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import psutil

from models.weights import Card, WeightsError, built_in_names, read_card, verify_weights
from vcam.config.folders import state_folder
from vcam.config.settings import nearest_name
from vcam.errors import EditError

NAME_PATTERN = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
RESERVED = frozenset({"auto"})
"""What the `model` setting may say without naming a model."""

_UNFINISHED = re.compile(r"\.import-(\d+)-.*")  # process that makes it


class ModelLibrary:
    """Models by name; looks at the files anew each time, so that all processes agree.

    user_folder: where the imported ones lie, made when the first comes; by default in the state
        folder.
    """

    def __init__(self, user_folder: Path | None = None) -> None:
        self._user = user_folder or state_folder() / "models"

    def names(self) -> list[str]:
        """The built-in ones first, then the imported ones; each in alphabetical order."""
        return built_in_names() + sorted(
            path.name
            for path in self._user.glob("*/")
            if NAME_PATTERN.fullmatch(path.name) and not self.is_built_in(path.name)
        )

    def is_built_in(self, name: str) -> bool:
        """Whether it comes with the program."""
        return name in built_in_names()

    def locate(self, name: str) -> str:
        """What `models.weights.load_weights` takes for it: a built-in name, or the tensors' path.

        Raises: EditError (weights-missing), with the nearest name.
        """
        if self.is_built_in(name):
            return name
        if not (NAME_PATTERN.fullmatch(name) and (self._user / name).is_dir()):
            raise EditError(
                "weights-missing",
                f"There is no model called {name!r}.",
                f"{nearest_name(name, self.names())}; `vcam models import FILE` adds one",
            )
        return str(self._user / name / f"{name}.safetensors")

    def card(self, name: str) -> Card:
        """What the model is; its tensors are not opened.

        Raises: EditError (weights-missing, weights-damaged).
        """
        where = self.locate(name)
        with translated(name):
            return read_card(where)

    def verify(self, name: str) -> Card:
        """Read all of the model's files and compare them with the card.

        Raises: EditError (weights-missing, weights-damaged).
        """
        where = self.locate(name)
        with translated(name):
            return verify_weights(where)

    def free_name(self, title: str) -> str:
        """A name for a checkpoint's file: its own in small letters, numbered if it is taken."""
        wanted = re.sub(r"[^a-z0-9]+", "-", title.casefold()).strip("-")[:50].strip("-") or "model"
        taken, number, name = RESERVED.union(self.names()), 1, wanted
        while name in taken:
            number += 1
            name = f"{wanted}-{number}"
        return name

    def check_new(self, name: str) -> None:
        """Refuse what cannot become a model's name.

        Raises: EditError (weights-built-in, weights-name-taken); ValueError if it is no name.
        """
        if not NAME_PATTERN.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a model")
        if name in RESERVED or self.is_built_in(name):
            raise EditError(
                "weights-built-in",
                f"{name!r} means something that comes with the program.",
                "choose another one with --name",
            )
        if (self._user / name).exists():
            raise EditError(
                "weights-name-taken",
                f"There is already a model called {name!r}.",
                f"choose another name with --name, or `vcam models remove {name}` first",
            )

    @contextmanager
    def unfinished(self) -> Generator[Path]:
        """A new private folder for a model's files; gone afterwards unless it was `keep`t.

        Raises: OSError if none can be made.
        """
        self._user.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._forget_unfinished()
        prefix = f".import-{os.getpid()}-"
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=self._user))  # 0700
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def keep(self, folder: Path, name: str) -> Card:
        """Make an `unfinished` folder the model `name`.

        Raises: EditError (weights-name-taken, weights-built-in; weights-damaged if what lies in the
            folder is not what its card says); ValueError if it is no name; OSError.
        """
        self.check_new(name)
        with translated(name):
            card = verify_weights(folder / f"{name}.safetensors")
        for path in folder.iterdir():
            path.chmod(0o600)
            with path.open("rb+") as file:
                os.fsync(file.fileno())  # a card must not be on the disk before its tensors
        folder.rename(self._user / name)
        return card

    def check_removable(self, name: str) -> None:
        """Refuse what cannot be removed.

        Raises: EditError (weights-missing; weights-built-in: those stay).
        """
        if self.is_built_in(name):
            raise EditError(
                "weights-built-in",
                f"{name!r} comes with the program and cannot be removed.",
                "`vcam models list` shows which were imported",
            )
        self.locate(name)

    def remove(self, name: str) -> None:
        """Delete an imported model.

        Raises: as `check_removable`.
        """
        self.check_removable(name)
        with self.unfinished() as folder:  # no name leads to half of a model
            (self._user / name).rename(folder / name)

    def _forget_unfinished(self) -> None:
        """Remove what an import left that was killed, power cuts included."""
        for path in self._user.glob(".import-*"):
            made_by = _UNFINISHED.fullmatch(path.name)
            if made_by is not None and not psutil.pid_exists(int(made_by[1])):
                shutil.rmtree(path, ignore_errors=True)


@contextmanager
def translated(name: str) -> Generator[None]:
    """The weights' errors, said as ours; a damaged card is damaged weights."""
    try:
        yield
    except WeightsError as error:
        code = "weights-damaged" if error.code == "weights-card-invalid" else error.code
        hint = error.hint
        if code in ("weights-damaged", "weights-missing") and name not in built_in_names():
            hint = f"`vcam models remove {name}`, then import it again"
        raise EditError(code, error.message, hint) from error
