"""The command as a whole: a folder of photos in, shards and what a user wants to know out."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.training.prepare.__main__ import main
from models.training.prepare.packing import split_of
from models.training.shards import read_faces
from tests.unit.models.reference_crops import REFERENCES
from tests.unit.models.training.prepare.conftest import portrait

PEOPLE = ["mara", "leon", "amara", "rafi", "vera", "mei"]  # a third of them falls to validation


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six people in one collection, and in another a copy, a damaged file and a landscape."""
    folder = tmp_path_factory.mktemp("photos")
    (folder / "people").mkdir()
    (folder / "rest").mkdir()
    for name in PEOPLE:
        shutil.copy(REFERENCES / f"{name}.webp", folder / "people")
    (folder / "people" / "LICENCE").write_text("CC0 1.0\n")
    portrait(PEOPLE[0], 400).save(folder / "rest" / "copy.webp")
    (folder / "rest" / "damaged.jpg").write_bytes(b"\xff\xd8\xff\xe0 and no more")
    Image.linear_gradient("L").save(folder / "rest" / "landscape.png")
    (folder / "rest" / "raw.heic").write_bytes(b"ftypheic")
    return folder


@pytest.fixture(scope="module")
def out(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the command makes of them, four faces a shard, a third for validation."""
    folder = tmp_path_factory.mktemp("made") / "shards"
    arguments = ["--validation", "0.34", "--faces-per-shard", "4", "--processes", "2"]
    assert main([str(photos), str(folder), *arguments]) == 0
    return folder


def test_shards_hold_every_face_once(photos: Path, out: Path) -> None:
    """Whole shards of the asked size, each face in the split of its photo's content."""
    split = {
        name: split_of(
            hashlib.sha256((photos / "people" / f"{name}.webp").read_bytes()).hexdigest(), 0.34
        )
        for name in PEOPLE
    }
    train, val = (sum(one == kind for one in split.values()) for kind in ("train", "val"))
    assert train > 0, "the fixture's photos fall on one side; take others"
    assert val > 0, "the fixture's photos fall on one side; take others"
    assert len(read_faces(out.glob("train-*.npz"))) == train
    assert len(read_faces(out.glob("val-*.npz"))) == val
    assert len(read_faces([out / "train-000.npz"])) == min(train, 4)
    with (out / "photos.csv").open() as file:
        for row in csv.DictReader(file):
            if row["shard"]:
                assert row["shard"].startswith(split[Path(row["photo"]).stem])
    assert not (out / "unfinished").exists()


def test_what_was_dropped_is_told(out: Path) -> None:
    """The copy once, the damaged file, the landscape; the same counts everywhere."""
    report = json.loads((out / "report.json").read_text())
    assert report["faces"]["kept"] == 6
    assert report["dropped"] == {
        "seen before": 1,
        "damaged, or no picture": 1,
        "no face found": 1,
    }
    assert report["passed_over"] == {".heic": 1}
    with (out / "photos.csv").open() as file:
        dropped = {row["photo"]: row for row in csv.DictReader(file) if row["dropped"]}
    assert dropped["rest/copy.webp"]["detail"] == f"in people/{PEOPLE[0]}.webp"
    sources = json.loads((out / "sources.json").read_text())
    assert (sources["0"]["name"], sources["0"]["licence"]) == ("people", "CC0 1.0")
    assert (sources["0"]["count"], sources["1"]["count"]) == (6, 0)
    assert sources["0"]["train"] + sources["0"]["val"] == 6


def test_sheets_show_faces(out: Path) -> None:
    """Both contact sheets are pictures, with as many tiles as there are faces to show."""
    with Image.open(out / "kept.png") as kept, Image.open(out / "dropped.png") as dropped:
        tiles = np.asarray(kept.convert("L")).astype(float)
        assert dropped.size[0] == kept.size[0]
    row = tiles[40:110]
    faces = [row[:, 4 + 116 * k : 116 + 116 * k].std() > 20 for k in range(10)]
    assert faces == [True] * 6 + [False] * 4


def test_a_stopped_run_is_taken_up_with_the_same_result(
    photos: Path, out: Path, tmp_path: Path
) -> None:
    """After a signal OUT has no shard; the same command then gives the very same files."""
    arguments = ["--validation", "0.34", "--faces-per-shard", "4", "--processes", "1"]
    command = [sys.executable, "-m", "models.training.prepare", str(photos), str(tmp_path / "o")]
    first = subprocess.Popen([*command, *arguments], stderr=subprocess.PIPE, text=True, stdout=-3)
    ledger = tmp_path / "o" / "unfinished" / "photos.sqlite"
    end = time.monotonic() + 60
    while not ledger.exists() and first.poll() is None and time.monotonic() < end:
        time.sleep(0.05)
    time.sleep(0.5)
    first.send_signal(signal.SIGINT)
    said = first.communicate(timeout=60)[1]
    assert first.returncode == 130
    assert "Run the same command again" in said
    assert not list((tmp_path / "o").glob("*.npz"))
    with sqlite3.connect(ledger) as connection:
        assert connection.execute("SELECT count(*) FROM run").fetchone() == (1,)
    connection.close()

    assert main([str(photos), str(tmp_path / "o"), *arguments]) == 0
    for made in out.iterdir():
        assert (tmp_path / "o" / made.name).read_bytes() == made.read_bytes(), made.name


def test_shards_are_replaced_only_when_asked(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without --force nothing in OUT is touched; with it only what the command writes."""
    out = tmp_path / "out"
    out.mkdir()
    for name in ("train-007.npz", "dropped.png"):  # the new run makes neither
        (out / name).write_bytes(b"old")
    (out / "notes.txt").write_text("mine")
    assert main([str(photos / "people"), str(out)]) == 2
    assert "--force" in capsys.readouterr().err
    assert (out / "train-007.npz").exists()
    assert main([str(photos / "people"), str(out), "--force", "--validation", "0"]) == 0
    assert (out / "notes.txt").read_text() == "mine"
    assert not (out / "train-007.npz").exists()
    assert not (out / "dropped.png").exists()
    assert len(read_faces(out.glob("*.npz"))) == 6


def test_no_face_at_all_is_a_failure_with_a_way_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Photos without a face end with status 1, no shard, and where to look."""
    (tmp_path / "photos").mkdir()
    Image.linear_gradient("L").save(tmp_path / "photos" / "a.png")
    assert main([str(tmp_path / "photos"), str(tmp_path / "out")]) == 1
    assert "No face was left" in capsys.readouterr().err
    assert not list((tmp_path / "out").glob("*.npz"))
    assert (tmp_path / "out" / "photos.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["nowhere", "out"], 3, "no folder nowhere"),
        (["empty", "out"], 3, "no photos"),
        (["photos", "photos/out"], 2, "lies in"),
        (["photos", "file"], 2, "is a file"),
        (["photos", "file/out"], 1, "cannot be written"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_loaded(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    status: int,
    said: str,
) -> None:
    """Each mistake ends with its status, and with what to do about it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (9, 9)).save(tmp_path / "photos" / "a.png")
    (tmp_path / "file").touch()
    assert main(arguments) == status
    error = capsys.readouterr().err
    assert said in error
    assert "do: " in error


def test_a_dry_run_writes_nothing(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says what would be done, with counts by collection and what is no photo, and ends."""
    assert main([str(photos), str(tmp_path / "out"), "--dry-run"]) == 0
    printed = capsys.readouterr().out
    assert "9 in" in printed
    assert "people  (CC0 1.0)" in printed
    assert "1 .heic" in printed
    assert not (tmp_path / "out").exists()


def test_the_first_process_loads_neither_mediapipe_nor_torch() -> None:
    """MediaPipe's logger has no place in a process with a network; torch takes seconds."""
    code = (
        "import sys, models.training.prepare.__main__\n"
        "print([m for m in ('mediapipe', 'torch') if m in sys.modules])"
    )
    probe = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert probe.stdout.strip() == "[]"


def test_the_split_is_stable() -> None:
    """A photo's split depends on its content alone, and the share is met to half a percent."""
    digests = [hashlib.sha256(str(n).encode()).hexdigest() for n in range(20_000)]
    splits = [split_of(digest, 0.05) for digest in digests]
    assert splits.count("val") / 20_000 == pytest.approx(0.05, abs=0.005)
    grown = [split_of(digest, 0.10) for digest in digests]
    assert all(g == "val" for s, g in zip(splits, grown, strict=True) if s == "val")
    assert split_of(digests[0], 0.0) == "train"
    assert split_of(digests[0], 1.0) == "val"
