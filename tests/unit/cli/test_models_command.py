"""`vcam models` as a user meets it, with a running vcam and without."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from tests.fakes.checkpoints import checkpoint
from tests.fakes.models import CARD, add_model
from tests.fakes.terminal import error_lines, free_port, run_command
from vcam.config.folders import config_folder
from vcam.config.models import ModelLibrary
from vcam.config.store import load_settings


@pytest.fixture(autouse=True)
def library(tmp_path, monkeypatch):
    """Every test has folders of its own, and one imported model, `mine`."""
    monkeypatch.setenv("VCAM_HOME", str(tmp_path / "home"))
    library = ModelLibrary()
    add_model(library, "mine")
    return library


@pytest.fixture
def models(capfd):
    """Run `vcam models` in this process."""
    return partial(run_command, capfd, "models")


@pytest.fixture
def running(start):
    """A vcam that runs, with a fake engine."""
    return start("--sink", "null", "--port", free_port())


def stored_model():
    """What the settings file says."""
    return load_settings(config_folder() / "settings.toml")[0].model


def test_a_checkpoint_becomes_a_model_that_is_used(models, tmp_path):
    """Import, list, verify, use: the whole way, through the real jobs process."""
    path = tmp_path / "FFHQ_1024.pt"
    torch.save(checkpoint("1024_16_light"), path, _use_new_zipfile_serialization=False)
    done = models("import", path)
    assert done.returncode == 0, done.stderr
    assert "CC BY-NC 4.0" in done.stdout
    assert "vcam models use ffhq-1024" in done.stdout
    assert models("verify", "ffhq-1024").returncode == 0
    assert models("use", "ffhq-1024").returncode == 0
    assert stored_model() == "ffhq-1024"
    listed = {record["name"]: record for record in models("list", "--json").record}
    assert [name for name, record in listed.items() if record["in_use"]] == ["ffhq-1024"]
    imported = listed["ffhq-1024"]
    assert imported["crop"] == "ffhq"
    assert "1024/16" in imported["network"]
    assert imported["licence"].startswith("CC BY-NC 4.0")
    assert not imported["built_in"]
    assert listed["face256"]["built_in"]


def test_a_refused_file_is_three_lines(models, tmp_path, library):
    """A web page in the checkpoint's place: status 2, the reason, and no model more."""
    path = tmp_path / "celeba.pt"
    path.write_text("<html>")
    before = library.names()
    (error, *_) = error_lines(models("import", path, "--json"), 2, "weights-not-a-checkpoint")
    assert "web page" in error
    error_lines(models("import", tmp_path / "none.pt"), 3, "weights-missing")
    error_lines(models("import", path, "--name", "mine"), 2, "weights-name-taken")
    error_lines(models("import", path, "--name", "My Model"), 2, "setting-invalid")
    assert library.names() == before


def test_a_person_sees_network_licence_and_choice(models):
    """Each model shows its network, crop, size, origin and licence; a star marks the one in use."""
    models("use", "mine")
    lines = models("list").stdout.splitlines()
    (at,) = (i for i, line in enumerate(lines) if line.startswith("* "))
    assert "mine" in lines[at]
    assert "256/8 full" in lines[at]
    assert "ffhq crop" in lines[at]
    assert "imported" in lines[at]
    assert "CC BY-NC 4.0" in lines[at + 1]


def test_damage_is_status_5(models, library, tmp_path):
    """`verify` looks at every model, names the damaged one and ends with 5."""
    assert models("verify").returncode == 0
    tensors = tmp_path / "home/state/models/mine/mine.safetensors"
    tensors.write_bytes(tensors.read_bytes()[:-1])
    done = models("verify", "--json")
    assert done.returncode == 5
    assert {record["name"]: record["ok"] for record in done.record} == {
        name: name != "mine" for name in library.names()
    }
    assert models("verify", "mine").returncode == 5
    assert models("verify", "face256").returncode == 0
    error_lines(models("verify", "minx"), 3, "weights-missing")


def test_a_damaged_card_is_shown_and_not_chosen(models, tmp_path):
    """A model whose card cannot be read is listed as damaged; using it is status 5."""
    (tmp_path / "home/state/models/mine/mine.json").write_text("{")
    listed = {record["name"]: record for record in models("list", "--json").record}
    assert listed["mine"]["error"]["code"] == "weights-damaged"
    assert listed["face256"]["error"] is None
    error_lines(models("use", "mine"), 5, "weights-damaged")
    assert models("remove", "mine").returncode == 0


def test_the_choice_is_stored_without_a_running_vcam(models):
    """`use` changes the model and leaves every other setting as it was."""
    path = config_folder() / "settings.toml"
    path.write_text("strength = 0.25\n")
    done = models("use", "mine", "--json")
    assert done.record == {"name": "mine", "licence": CARD.licence, "running": False}
    settings, _ = load_settings(path)
    assert (settings.model, settings.strength) == ("mine", 0.25)
    error_lines(models("use", "minx"), 3, "weights-missing")
    assert stored_model() == "mine"


def test_the_choice_can_be_left_to_vcam(models):
    """`use auto` stores that; no model is marked then."""
    assert models("use", "auto").returncode == 0
    assert stored_model() == "auto"
    assert "auto" in models("list").stdout
    assert not any(record["in_use"] for record in models("list", "--json").record)


def test_the_model_in_use_stays(models, library):
    """What is in use, or built in, is not removed, nor is another one beside it."""
    add_model(library, "other")
    models("use", "mine")
    error_lines(models("remove", "other", "mine"), 4, "weights-in-use")
    error_lines(models("remove", "other", "face256"), 2, "weights-built-in")
    assert {"mine", "other"} <= set(library.names())
    models("use", "face256")
    assert models("remove", "mine", "other", "--json").record == ["mine", "other"]
    assert not {"mine", "other"} & set(library.names())
    error_lines(models("remove", "mine"), 3, "weights-missing")


def test_a_running_vcam_changes_over(models, running):
    """With a vcam that runs `use` tells it, and what it uses cannot be removed."""
    assert models("use", "mine", "--json").record["running"]
    assert stored_model() == "mine"
    listed = {record["name"]: record for record in models("list", "--json").record}
    assert listed["mine"]["in_use"]
    error_lines(models("remove", "mine"), 4, "weights-in-use")
    assert models("use", "face256").returncode == 0
    assert models("remove", "mine").returncode == 0


def test_a_lost_model_is_told(models):
    """A stored model whose files are gone is named, with what to do."""
    path = config_folder() / "settings.toml"
    path.write_text('model = "lost"\n')
    assert "'lost'" in models("list").stdout
