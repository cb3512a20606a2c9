"""`train` and `distil` as commands: what they show, what they refuse, and what they say then."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from models.lite.config import LITE
from models.lite.networks import LiteEncoder, LiteGenerator
from models.training import distil, train
from models.training.validation import arrays_of
from models.weights import Card, save_weights

Command = Callable[[list[str]], int]
COMMANDS: list[Command] = [train.main, distil.main]


@pytest.fixture
def small_model(tmp_path: Path) -> str:
    """Weights that are no StyleMapGAN's."""
    torch.manual_seed(0)
    card = Card("small", LITE, "face", "", "", {})
    save_weights(tmp_path, card, arrays_of(LiteEncoder(LITE)), arrays_of(LiteGenerator(LITE)))
    return str(tmp_path / "small.safetensors")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_dry_run_shows_the_configuration_and_ends(
    command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every field is printed as JSON, flags and defaults; no folder is made."""
    out = tmp_path / "out"
    assert command(["data", str(out), "--kimg", "5", "--batch", "8", "--dry-run"]) == 0
    shown: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert shown["kimg"] == 5.0
    assert shown["batch"] == 8
    assert shown["seconds"] is None
    assert shown["out"] == str(out)
    assert shown["resume"] is False
    assert not out.exists()


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("", "Give one of --kimg and --seconds"),
        ("--kimg 1 --seconds 1", "Give one of --kimg and --seconds"),
        ("--kimg 0", "must be above 0"),
        ("--seconds -3", "must be above 0"),
        ("--kimg 1 --batch 6", "Batch is 6, must be a multiple of 4"),
        ("--kimg 1 --final-lr 0.1", "Final_lr is 0.1"),
        ("--kimg 1 --hold 1.5", "Hold is 1.5, must be 0 to 1"),
        ("--kimg 1 --limit 0", "Limit is 0"),
        ("--kimg 1 --average-kimg 0", "Average_kimg must be above 0"),
    ],
)
def test_numbers_that_do_not_fit_are_refused_at_once(
    command: Command,
    flags: str,
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each is named, nothing is made, and the exit status is 2."""
    out = tmp_path / "out"
    assert command(["data", str(out), *flags.split()]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert message in printed.err
    assert not out.exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--stylemap-size 20", "Stylemap_size is 20"),
        ("--multiplier 0", "Multiplier is 0"),
        ("--critic-first -1", "Critic_first is -1"),
    ],
)
def test_networks_that_cannot_be_built_are_refused(
    flags: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the family does not have is refused before anything is loaded."""
    assert train.main(["data", "out", "--kimg", "1", *flags.split()]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS)
def test_missing_data_are_named(
    command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder without shards: which files are missing, what makes them, exit status 2."""
    assert command([str(tmp_path), str(tmp_path / "out"), "--kimg", "1"]) == 2
    error = capsys.readouterr().err
    assert "val-*.npz" in error
    assert "models.training.prepare" in error


@pytest.mark.parametrize("command", COMMANDS)
def test_an_out_that_is_a_file_is_named(
    command: Command, shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where results cannot be written, that is said, not a traceback."""
    out = tmp_path / "out"
    out.write_text("")
    assert command([str(shards), str(out), "--kimg", "1"]) == 2
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS)
def test_weights_that_cannot_be_used_are_named(
    command: Command, small_model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A missing file and weights of another kind are refused before the faces are read."""
    flag = "--start" if command is train.main else "--teacher"
    call = [str(tmp_path / "none"), str(tmp_path / "out"), "--kimg", "1", flag]
    assert command([*call, str(tmp_path / "missing.safetensors")]) == 2
    assert "missing.json" in capsys.readouterr().err
    assert command([*call, small_model]) == 2
    error = capsys.readouterr().err
    assert "LiteConfig" in error
    assert "Give" in error
    assert not (tmp_path / "out").exists()


def test_a_missing_feature_network_is_named(
    shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its file is asked for before the faces are read."""
    call = [str(tmp_path / "none"), str(tmp_path / "out"), "--kimg", "1", "--features", "no.pth"]
    assert train.main(call) == 2
    assert "no.pth" in capsys.readouterr().err


def test_there_must_be_a_state_to_resume(
    shards: Path, tmp_path: Path, narrow: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """--resume into an empty folder says which file is missing."""
    call = [str(shards), str(tmp_path / "out"), "--kimg", "1", "--batch", "4", "--resume"]
    assert train.main(call) == 2
    assert "state.json" in capsys.readouterr().err


def test_ctrl_c_says_how_to_go_on(
    shards: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A stopped training ends with 130 and names --resume and the folder."""

    def stop(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(train, "run", lambda *_: stop(_))
    assert train.main([str(shards), str(tmp_path / "out"), "--kimg", "1"]) == 130
    error = capsys.readouterr().err
    assert "--resume" in error
    assert str(tmp_path / "out") in error
