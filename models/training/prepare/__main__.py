"""The command: make the configuration, print it, launch; `--dry-run` stops after the second."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import signal
import sqlite3
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import NoReturn

from tqdm import tqdm

from models.training.prepare.ledger import Ledger, LedgerError
from models.training.prepare.outcomes import Kept, Limits
from models.training.prepare.packing import Summary, move_into_place, pack
from models.training.prepare.photos import Listing, find_photos
from models.training.prepare.workers import WorkerError, Workers

FAILED, MISUSE, MISSING, STOPPED = 1, 2, 3, 130
UNFINISHED = "unfinished"
"""Folder in OUT while a run is not over."""

_FORMAT = 1  # of what is found and kept; another one begins anew
_DECIDING = ("mediapipe", "opencv-contrib-python", "pillow", "numpy")  # versions in the report


class PrepareError(Exception):
    """What went wrong and why, what to do about it, and the exit status."""

    def __init__(self, status: int, message: str, hint: str) -> None:
        super().__init__(message)
        self.status, self.hint = status, hint


@dataclass(frozen=True, slots=True)
class Config:
    """All that a run depends on."""

    photos: Path
    out: Path
    validation: float  # share of the photos, 0..1
    faces_per_shard: int
    processes: int
    limits: Limits
    force: bool
    dry_run: bool


def make_config(arguments: Sequence[str]) -> Config:
    """Read and check the command line; nothing is loaded, nothing is written.

    Raises: PrepareError if an argument cannot be.
    """
    given = _parser().parse_args(arguments)
    limits = Limits(given.least_side, given.most_outside, given.most_turn, given.most_blur)
    config = Config(
        photos=given.photos,
        out=given.out,
        validation=given.validation,
        faces_per_shard=given.faces_per_shard,
        processes=given.processes,
        limits=limits,
        force=given.force,
        dry_run=given.dry_run,
    )
    if not config.photos.is_dir():
        raise PrepareError(MISSING, f"There is no folder {config.photos}.", "check the path")
    if config.out.resolve().is_relative_to(config.photos.resolve()):
        raise PrepareError(
            MISUSE,
            f"{config.out} lies in {config.photos}: its pictures would be taken for photos.",
            "choose a folder elsewhere for OUT",
        )
    if config.out.exists() and not config.out.is_dir():
        raise PrepareError(MISUSE, f"{config.out} is a file.", "name a folder, new or empty")
    begun = (config.out / UNFINISHED).is_dir()
    if config.out.is_dir() and any(config.out.iterdir()) and not begun and not config.force:
        raise PrepareError(
            MISUSE,
            f"{config.out} is not empty.",
            "name a new folder, or add --force to put new shards in place of those there",
        )
    return config


def print_config(config: Config, listing: Listing) -> None:
    """Say what will be done; tells as well which files are no photos for us.

    Raises: PrepareError if there are no photos.
    """
    passed_over = ", ".join(f"{n} {ending}" for ending, n in listing.passed_over.most_common(6))
    if not listing.photos:
        raise PrepareError(
            MISSING,
            f"{config.photos} holds no photos"
            + (f", only other files: {passed_over}." if passed_over else "."),
            "name a folder with JPEG, PNG or WebP files, in subfolders or not",
        )
    limits = config.limits
    print(f"photos      {len(listing.photos):,} in {config.photos}")
    for number, collection in enumerate(listing.collections):
        count = sum(photo.source == number for photo in listing.photos)
        print(f"  source {number:3d}  {count:9,}  {collection.name}  ({collection.licence})")
    if passed_over:
        print(f"not read    {passed_over}: convert them to JPEG first if they are photos")
    if listing.closed:
        print(f"not read    {len(listing.closed)} closed folders: {', '.join(listing.closed[:4])}")
    print(f"out         {config.out}, {config.faces_per_shard:,} faces a shard")
    print(f"validation  {config.validation:.1%} of the photos")
    print(
        f"limits      crop of {limits.least_side_px:g} px or more, {limits.most_outside:.0%} of it "
        f"outside at most,\n            turned by {limits.most_turn_deg:g} degrees at most, "
        f"blur {limits.most_blur:g} at most"
    )
    print(f"processes   {config.processes}", flush=True)


def launch(config: Config, listing: Listing) -> Summary:
    """Examine what is not examined yet, pack everything, and put it into OUT.

    Raises: PrepareError; KeyboardInterrupt leaves a run that the same command takes up.
    """
    unfinished = config.out / UNFINISHED
    began_s = time.monotonic()
    try:
        unfinished.mkdir(parents=True, exist_ok=True)
        with _open_ledger(config, listing, unfinished) as ledger:
            _examine(config, listing, ledger)
            summary = _pack(config, listing, ledger, unfinished / "files")
            _write_report(config, listing, summary, unfinished / "files" / "report.json")
            move_into_place(unfinished / "files", config.out)
        shutil.rmtree(unfinished)
    except WorkerError as error:
        raise PrepareError(
            FAILED, f"No worker could start: {error}.", "install vcam's requirements again"
        ) from error
    except (OSError, sqlite3.Error) as error:
        raise PrepareError(
            FAILED,
            f"{config.out} cannot be written: {error}.",
            "see that the folder is yours and the disk has room, then run the command again: "
            "what is done is kept",
        ) from error
    _print_summary(config, summary, time.monotonic() - began_s)
    return summary


def main(arguments: Sequence[str]) -> int:
    """Run the command. Returns: its exit status."""
    try:
        config = make_config(arguments)
        listing = _listing(config)
        print_config(config, listing)
        if config.dry_run:
            return 0
        summary = launch(config, listing)
    except PrepareError as error:
        print(f"prepare: {error}\n  do: {error.hint}", file=sys.stderr)
        return error.status
    except KeyboardInterrupt:
        print("\nprepare: Stopped. Run the same command again to go on.", file=sys.stderr)
        return STOPPED
    return 0 if summary.faces() else FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m models.training.prepare",
        description="Find, align, judge and pack the faces in a folder of photos.",
        epilog="docs/training.md explains every file that it writes.",
    )
    add, default = parser.add_argument, Limits()
    add("photos", type=Path, metavar="PHOTOS", help="folder; each subfolder is a collection")
    add("out", type=Path, metavar="OUT", help="folder for the shards, new or empty")
    add("--validation", type=_share, default=0.02, help="share of the photos held out (0.02)")
    add("--faces-per-shard", type=_count, default=2000, help="(2000)")
    add("--processes", type=_count, default=_cores(), help="(one for each core)")
    add("--least-side", type=_positive, default=default.least_side_px, metavar="PX",
        help="least side of a face's crop in the photo (160: eyes 44 px apart)")  # fmt: skip
    add("--most-outside", type=_share, default=default.most_outside, metavar="SHARE",
        help="most of the crop that may lie outside of the photo (0.1)")  # fmt: skip
    add("--most-turn", type=_positive, default=default.most_turn_deg, metavar="DEGREES",
        help="most that a face may look past the camera (65)")  # fmt: skip
    add("--most-blur", type=_positive, default=default.most_blur, metavar="BLUR",
        help="0 sharp to 1 (0.68)")  # fmt: skip
    add("--force", action="store_true", help="replace the shards that OUT holds, or a run begun")
    add("--dry-run", action="store_true", help="say what would be done, and end")
    return parser


def _listing(config: Config) -> Listing:
    try:
        return find_photos(config.photos)
    except ValueError as error:
        raise PrepareError(MISUSE, f"{error}.", "merge some of the subfolders") from error
    except OSError as error:
        raise PrepareError(
            MISSING, f"{config.photos} cannot be read: {error.strerror}.", "see who owns it"
        ) from error


def _open_ledger(config: Config, listing: Listing, unfinished: Path) -> Ledger:
    digest = hashlib.sha256()
    for photo in listing.photos:
        digest.update(f"{photo.name}\0{photo.source}\0{photo.stamp}\n".encode("utf-8", "replace"))
    identity: dict[str, object] = {
        "format": _FORMAT,
        "photos": digest.hexdigest(),
        "limits": asdict(config.limits),
        "versions": _versions(),
    }
    path = unfinished / "photos.sqlite"
    try:
        try:
            return Ledger(path, identity)
        except LedgerError as error:
            if not config.force or "at work" in str(error):
                raise
            path.unlink()
            return Ledger(path, identity)
    except LedgerError as error:
        raise PrepareError(
            MISUSE,
            f"{unfinished} cannot be taken up: {error}.",
            "wait for the other run, give the same photos and options as before, or add --force "
            "to begin anew",
        ) from error


def _examine(config: Config, listing: Listing, ledger: Ledger) -> None:
    """Have the workers examine every photo that the ledger lacks."""
    done = ledger.done()
    numbers = [number for number in range(len(listing.photos)) if number not in done]
    if done:
        print(f"going on    {len(done):,} photos were examined before")
    if not numbers:
        return
    workers = Workers(min(config.processes, len(numbers)), config.photos, config.limits)
    try:
        kept = dropped = 0
        told = False
        with _progress("examining", len(listing.photos), len(done)) as progress:
            for result in workers.examine(listing.photos, numbers):
                if not told and workers.offline is not None:
                    told = True
                    if not workers.offline:
                        progress.write(_NOT_OFFLINE)
                if result is None:
                    if sys.stderr.isatty():
                        progress.refresh()  # the time goes on
                    continue
                number, examined = result
                ledger.record(number, examined)
                fine = sum(isinstance(face, Kept) for face in examined.faces)
                kept, dropped = kept + fine, dropped + len(examined.faces) - fine
                progress.set_postfix_str(f"{kept:,} kept, {dropped:,} dropped", refresh=False)
                progress.update()
    finally:
        workers.close()


def _pack(config: Config, listing: Listing, ledger: Ledger, folder: Path) -> Summary:
    with _progress("packing", len(listing.photos), 0) as progress:
        return pack(
            ledger,
            listing,
            folder,
            config.validation,
            config.faces_per_shard,
            each_photo=progress.update,
        )


def _progress(what: str, total: int, done: int) -> tqdm[NoReturn]:
    """One line that is kept up to date; a line every half minute where there is no terminal."""
    interval_s = 0.2 if sys.stderr.isatty() else 30.0
    return tqdm(
        desc=what,
        total=total,
        initial=done,
        unit=" photos",
        mininterval=interval_s,
        maxinterval=interval_s,
        smoothing=0.05,
        dynamic_ncols=True,
    )


def _write_report(config: Config, listing: Listing, summary: Summary, path: Path) -> None:
    report = {
        "format": _FORMAT,
        "photos": summary.photos,
        "faces": {"kept": summary.faces(), **{s: summary.faces(s) for s in ("train", "val")}},
        "dropped": {reason.value: count for reason, count in summary.dropped.most_common()},
        "passed_over": dict(listing.passed_over),
        "validation": config.validation,
        "limits": asdict(config.limits),
        "versions": _versions(),
    }
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def _print_summary(config: Config, summary: Summary, took_s: float) -> None:
    train, val = summary.faces("train"), summary.faces("val")
    print(
        f"\n{summary.photos:,} photos in {took_s:,.0f} s: {train + val:,} faces kept, "
        f"{train:,} for training and {val:,} for validation"
    )
    for reason, count in summary.dropped.most_common():
        print(f"  dropped {count:9,}  {reason}")
    if not train + val:
        print(
            "prepare: No face was left.\n  do: look at dropped.png and photos.csv in "
            f"{config.out}, then run again with other photos or limits and --force",
            file=sys.stderr,
        )
        return
    if not val and config.validation > 0:
        print("No photo fell to validation: evaluation will want some (--validation 0.1 --force).")
    print(f"Look at {config.out / 'kept.png'} and dropped.png before you train.")


def _versions() -> dict[str, str]:
    return {name: version(name) for name in _DECIDING}


_NOT_OFFLINE = (
    "note: this system offers no means to take the network from a process, and MediaPipe's usage "
    "logger looks up a host while it runs; see docs/training.md"
)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _share(text: str) -> float:
    return _number(text, 0.0, 1.0)


def _positive(text: str) -> float:
    return _number(text, 0.0, float("inf"))


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def _number(text: str, least: float, most: float) -> float:
    number = float(text)
    if not least <= number <= most:
        raise argparse.ArgumentTypeError(f"must be {least:g} to {most:g}")
    return number


def _stop(_signal: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _stop)
    raise SystemExit(main(sys.argv[1:]))
