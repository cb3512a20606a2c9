"""From the finished ledger to the files in OUT, in the order of the photos.

    train-000.npz ...   about 2000 faces each (models/training/shards.py)
    val-000.npz ...     the faces of the photos that are kept for validation
    sources.json        number of a collection -> its name, licence and counts
    photos.csv          every face of every photo: where it is packed, or why it is not
    report.json         settings, versions and counts
    kept.png, dropped.png   random faces to look at

They are written aside and moved into OUT together.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from models.training.prepare.alike import SeenFaces
from models.training.prepare.ledger import Ledger
from models.training.prepare.outcomes import Dropped, Kept, Reason
from models.training.prepare.photos import Listing
from models.training.prepare.sheets import RandomFaces, write_sheet
from models.training.shards import write_shard

Split = Literal["train", "val"]

_SHOWN_KEPT, _SHOWN_DROPPED = 100, 20  # on the sheets; dropped ones for each reason
_OURS = ("train-*.npz", "val-*.npz")
_NAMES = ("sources.json", "photos.csv", "report.json", "kept.png", "dropped.png")


@dataclass(slots=True)
class Summary:
    """Counts of a whole run."""

    photos: int = 0
    kept: Counter[tuple[Split, int]] = field(default_factory=Counter)  # by split and source
    dropped: Counter[Reason] = field(default_factory=Counter)

    def faces(self, split: Split | None = None, source: int | None = None) -> int:
        """Faces in the shards, of one split or all, of one collection or all."""
        return sum(
            count
            for (of_split, of_source), count in self.kept.items()
            if split in (None, of_split) and source in (None, of_source)
        )


class _Shards:
    """Fills the shards of one split."""

    def __init__(self, folder: Path, split: Split, faces_per_shard: int) -> None:
        self._folder, self._split, self._most = folder, split, faces_per_shard
        self._pictures: list[bytes] = []
        self._landmarks: list[NDArray[np.float32]] = []
        self._sources: list[int] = []
        self._written = 0

    def add(self, face: Kept, source: int) -> tuple[str, int]:
        """Add a face. Returns: the name of its shard and its place there."""
        place = self._name(), len(self._pictures)
        self._pictures.append(face.picture)
        self._landmarks.append(face.landmarks)
        self._sources.append(source)
        if len(self._pictures) == self._most:
            self.flush()
        return place

    def flush(self) -> None:
        """Write what was added since the last shard, if anything."""
        if not self._pictures:
            return
        write_shard(
            self._folder / self._name(),
            self._pictures,
            np.stack(self._landmarks),
            np.array(self._sources),
        )
        self._pictures, self._landmarks, self._sources = [], [], []
        self._written += 1

    def _name(self) -> str:
        return f"{self._split}-{self._written:03d}.npz"


def split_of(digest: str, validation: float) -> Split:
    """Where the faces of a photo belong: by its content alone, in whatever company it comes.

    digest: SHA-256 of its file; validation: share of the photos kept for validation, 0..1.
    """
    return "val" if int(digest[:12], 16) < validation * 16**12 else "train"


def pack(
    ledger: Ledger,
    listing: Listing,
    folder: Path,
    validation: float,
    faces_per_shard: int,
    each_photo: Callable[[], object],
) -> Summary:
    """Write all files but report.json into a folder; calls back after every photo."""
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():  # of a packing that was stopped
        old.unlink()
    summary, seen = Summary(), SeenFaces()
    shards: dict[Split, _Shards] = {
        "train": _Shards(folder, "train", faces_per_shard),
        "val": _Shards(folder, "val", faces_per_shard),
    }
    shown, shown_dropped = (
        RandomFaces(_SHOWN_KEPT),
        {r: RandomFaces(_SHOWN_DROPPED) for r in Reason},
    )
    first_names: list[str] = []  # of the photos of the faces in `seen`
    with (folder / "photos.csv").open(
        "w", newline="", encoding="utf-8", errors="backslashreplace"
    ) as file:
        table = csv.writer(file)
        table.writerow(("photo", "collection", "face", "shard", "place", "dropped", "detail"))
        for number, examined in ledger.outcomes():
            photo = listing.photos[number]
            summary.photos += 1
            for at, face in enumerate(examined.faces):
                row = (photo.name, listing.collections[photo.source].name, at)
                outcome: Kept | Dropped = face
                if isinstance(face, Kept):
                    first = seen.find_or_add(face.face_hash, face.landmarks)
                    if first is None:
                        first_names.append(photo.name)
                    else:
                        outcome = Dropped(Reason.ALIKE, f"in {first_names[first]}", face.picture)
                if isinstance(outcome, Kept):
                    split = split_of(examined.digest, validation)
                    summary.kept[split, photo.source] += 1
                    shard, place = shards[split].add(outcome, photo.source)
                    table.writerow((*row, shard, place, "", ""))
                    shown.offer(outcome.picture, f"{shard[:-4]}  {place}\n{Path(photo.name).name}")
                    continue
                summary.dropped[outcome.reason] += 1
                table.writerow((*row, "", "", outcome.reason.value, outcome.detail))
                if outcome.thumbnail is not None:
                    caption = f"{outcome.reason}\n{outcome.detail}"
                    shown_dropped[outcome.reason].offer(outcome.thumbnail, caption)
            each_photo()
    for one in shards.values():
        one.flush()
    _write_sources(folder / "sources.json", listing, summary)
    _write_sheets(folder, shown, shown_dropped, summary)
    return summary


def move_into_place(folder: Path, out: Path) -> None:
    """Move the files of a packing into OUT, in place of those of an earlier one."""
    for pattern in _OURS:
        for old in out.glob(pattern):
            old.unlink()
    for name in _NAMES:
        (out / name).unlink(missing_ok=True)
    for path in sorted(folder.iterdir()):
        path.replace(out / path.name)
    folder.rmdir()


def _write_sources(path: Path, listing: Listing, summary: Summary) -> None:
    sources = {
        str(source): {
            "name": collection.name,
            "licence": collection.licence,
            "count": summary.faces(source=source),
            "train": summary.faces("train", source),
            "val": summary.faces("val", source),
        }
        for source, collection in enumerate(listing.collections)
    }
    path.write_text(json.dumps(sources, indent=1) + "\n", encoding="utf-8")


def _write_sheets(
    folder: Path, kept: RandomFaces, dropped: dict[Reason, RandomFaces], summary: Summary
) -> None:
    """The two contact sheets; reasons of which no face can be shown are left out."""
    if kept.chosen:
        title = f"{len(kept.chosen)} of {summary.faces():,} faces that were kept"
        write_sheet(folder / "kept.png", title, kept.chosen)
    faces = [face for reason in Reason for face in dropped[reason].chosen]
    if faces:
        title = f"dropped faces, at most {_SHOWN_DROPPED} for each reason"
        write_sheet(folder / "dropped.png", title, faces)
