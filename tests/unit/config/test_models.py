"""The library of models, on tensors that belong to no network: it never opens them."""

from __future__ import annotations

import os
import stat
import subprocess
import sys

import pytest

from models.weights import built_in_names, load_weights, save_weights
from tests.fakes.models import ARRAYS, CARD, add_model
from vcam.config.models import ModelLibrary
from vcam.errors import EditError


@pytest.fixture
def library(tmp_path):
    """A library without imported models."""
    return ModelLibrary(tmp_path / "models")


def refused(code, call, *arguments):
    """The error that a call ends with."""
    with pytest.raises(EditError) as caught:
        call(*arguments)
    assert caught.value.code == code
    assert caught.value.hint
    return caught.value


def contents(library, tmp_path):
    """All files and folders of the library."""
    return sorted(path.name for path in (tmp_path / "models").rglob("*"))


def test_built_in_models_first(library):
    """Built-in names come first, whatever the others are called."""
    assert library.names() == built_in_names()
    for name in ("zoe", "a"):
        add_model(library, name)
    assert library.names() == [*built_in_names(), "a", "zoe"]


def test_a_kept_model_loads(library):
    """What was kept is found by its name and loads with its card."""
    card = add_model(library)
    assert library.card("mine") == library.verify("mine") == card
    weights = load_weights(library.locate("mine"))
    assert weights.card == card
    assert (weights.generator["weight"] == 1).all()


def test_built_in_models_are_located_by_name(library):
    """A built-in name is what the weights' own loader takes."""
    assert library.locate("face256") == "face256"
    assert library.verify("face256").name == "face256"


@pytest.mark.skipif(sys.platform == "win32", reason="no such modes")
def test_only_the_owner_can_read(library, tmp_path):
    """Files are 0600, folders 0700."""
    add_model(library)
    for path in [tmp_path / "models", *(tmp_path / "models").rglob("*")]:
        wanted = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == wanted, path


@pytest.mark.parametrize("name", ["minee", "../mine", "", "Mine", "a/b", "-a", "x" * 65, "face257"])
def test_an_unknown_name_is_explained(library, name):
    """A name that is none, a path among them, is refused with the nearest or all that are known."""
    add_model(library)
    error = refused("weights-missing", library.locate, name)
    assert "mine" in error.hint or "face256" in error.hint


def test_names_that_are_taken(library, tmp_path):
    """Neither a built-in name nor one in use nor `auto` can be taken; the old model stays."""
    add_model(library)
    refused("weights-name-taken", library.check_new, "mine")
    for name in ("face256", "auto"):
        refused("weights-built-in", library.check_new, name)
    before = contents(library, tmp_path)
    refused("weights-name-taken", add_model, library)
    assert contents(library, tmp_path) == before
    with pytest.raises(ValueError, match="no name"):
        library.check_new("../mine")


def test_new_names_are_made_from_files(library):
    """A checkpoint's file gives a name that can be typed, never one that is taken."""
    assert library.free_name("celeba_hq_256_8x8") == "celeba-hq-256-8x8"
    assert library.free_name("???") == "model"
    assert library.free_name("Face256") == "face256-2"
    assert library.free_name("auto") == "auto-2"
    add_model(library)
    assert library.free_name("mine") == "mine-2"


def test_a_damaged_model_is_not_kept(library, tmp_path):
    """What is not as its card says gets no name, and nothing of it stays."""
    with library.unfinished() as folder:
        save_weights(folder, CARD, ARRAYS, ARRAYS)
        (folder / "mine.safetensors").write_bytes(b"cut short")
        refused("weights-damaged", library.keep, folder, "mine")
    assert contents(library, tmp_path) == []


def test_an_import_that_fails_leaves_nothing(library, tmp_path):
    """Whatever ends an import, its folder goes."""

    def interrupted():
        with library.unfinished() as folder:
            save_weights(folder, CARD, ARRAYS, ARRAYS)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert contents(library, tmp_path) == []


def test_what_a_killed_import_left_goes_with_the_next(library, tmp_path):
    """The folder of a process that is gone is removed; that of a living one is not touched."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    left = tmp_path / "models" / f".import-{gone.pid}-abc"
    running = tmp_path / "models" / f".import-{os.getpid()}-abc"
    for folder in (left, running):
        folder.mkdir(parents=True)
        (folder / "mine.safetensors").write_bytes(b"half of it")
    add_model(library)
    assert not left.exists()
    assert running.exists()
    assert library.names() == [*built_in_names(), "mine"]


def test_damage_is_found(library, tmp_path):
    """One flipped bit, a file cut short, a card that is none or names another model: damaged."""
    add_model(library)
    tensors = tmp_path / "models/mine/mine.safetensors"
    card, intact = tensors.with_suffix(".json"), tensors.read_bytes()
    for damaged in (intact[:-1], intact[:-1] + bytes([intact[-1] ^ 1])):
        tensors.write_bytes(damaged)
        error = refused("weights-damaged", library.verify, "mine")
        assert "vcam models remove mine" in error.hint
    tensors.write_bytes(intact)
    library.verify("mine")
    card.write_text("{")
    refused("weights-damaged", library.verify, "mine")
    refused("weights-damaged", library.card, "mine")
    tensors.unlink()
    card.unlink()
    refused("weights-missing", library.verify, "mine")


def test_removing(library, tmp_path):
    """Imported models go with all their files; built-in ones stay and say so."""
    add_model(library)
    library.remove("mine")
    assert contents(library, tmp_path) == []
    refused("weights-missing", library.remove, "mine")
    refused("weights-built-in", library.remove, "face256")


def test_a_damaged_model_can_be_removed(library, tmp_path):
    """Removing needs no card."""
    add_model(library)
    (tmp_path / "models/mine/mine.json").write_text("{")
    library.remove("mine")
    assert contents(library, tmp_path) == []
