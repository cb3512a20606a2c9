"""From a released checkpoint to weights that the engine uses, through the real jobs process."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch

from models.config import NetworkConfig
from models.networks import Encoder, Generator, build
from models.weights import load_weights
from tests.fakes.checkpoints import checkpoint
from vcam.config.models import ModelLibrary
from vcam.daemon.jobs import Jobs
from vcam.daemon.models import import_checkpoint
from vcam.engine import jobs as jobs_process
from vcam.errors import ConfigError, DaemonError, EditError, VcamError


class JobsHere:
    """Does jobs in this process: torch is loaded once for all tests."""

    def run(self, name: str, arguments: dict[str, Any], *, limit_s: float) -> dict[str, Any]:
        """As vcam.daemon.jobs.Jobs."""
        return jobs_process.JOBS[name](arguments)


@pytest.fixture(autouse=True)
def _threads():
    """An import uses one thread; the other tests get theirs back."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def library(tmp_path):
    """A library without imported models."""
    return ModelLibrary(tmp_path / "models")


def save(content: object, folder: Path, *, as_zip: bool = False) -> Path:
    """A checkpoint's file, by default in the form that the released ones have."""
    path = folder / "celeba_hq_256_8x8.pt"
    torch.save(content, path, _use_new_zipfile_serialization=as_zip)
    return path


def left(library: ModelLibrary, tmp_path: Path) -> list[str]:
    """What lies in the library's folder."""
    folder = tmp_path / "models"
    return sorted(path.name for path in folder.rglob("*")) if folder.exists() else []


@torch.inference_mode()
def test_the_imported_network_paints_the_checkpoints_picture(library, tmp_path):
    """256/8: the weights are the checkpoint's in half precision, and so is the picture."""
    content = checkpoint("256_8_full", is_spread=False)
    path = save(content, tmp_path, as_zip=True)
    card, advice = import_checkpoint(library, Jobs(tmp_path / "jobs.log"), path)
    assert (card.name, card.crop, advice) == ("celeba-hq-256-8x8", "ffhq", "")
    assert card.config == NetworkConfig(256, 8, 2, light=False)
    assert "CC BY-NC 4.0" in card.licence
    assert "celeba_hq" in card.data
    path.unlink()

    imported = build(load_weights(library.locate(card.name)))
    with torch.device("meta"):
        direct = Encoder(card.config), Generator(card.config)
    for network, there, name in zip(imported, direct, ("e_ema", "g_ema"), strict=True):
        there.load_state_dict(content[name], assign=True)
        for key, parameter in network.named_parameters():
            assert torch.equal(parameter, content[name][key].half().float()), key
    stylemap = torch.randn(1, 64, 8, 8, generator=torch.Generator().manual_seed(1))
    assert _difference(*(one(stylemap) for one in (imported[1], direct[1]))) < 5e-3


def _difference(one: torch.Tensor, other: torch.Tensor) -> float:
    """Root mean square of the difference, relative to what there is."""
    assert float(other.std()) > 0
    return float((one - other).square().mean().sqrt() / other.square().mean().sqrt())


def test_the_large_network_is_imported(library, tmp_path):
    """1024/16 light: every parameter is the checkpoint's in half precision."""
    content = checkpoint("1024_16_light")
    path = save(content, tmp_path)
    card, _ = import_checkpoint(library, JobsHere(), path, "ffhq")
    assert card.config == NetworkConfig(1024, 16, 2, light=True)
    weights = load_weights(library.locate("ffhq"))
    for name, network in zip(("e_ema", "g_ema"), build(weights), strict=True):
        for key, parameter in network.named_parameters():
            assert torch.equal(parameter, content[name][key].half().float()), key


class Command:
    """Unpickled, it would make a folder."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_code_stays_uncalled_in_the_real_process(library, tmp_path):
    """A file that needs code is refused by the jobs process, and leaves no trace."""
    traces = tmp_path / "was-here"
    path = save({**checkpoint("1024_16_light"), "extra": Command(traces)}, tmp_path)
    with pytest.raises(EditError, match="mkdir") as caught:
        import_checkpoint(library, Jobs(tmp_path / "jobs.log"), path)
    assert caught.value.code == "weights-need-code"
    assert not traces.exists()
    assert left(library, tmp_path) == []


def _with(change: Any) -> dict[str, Any]:
    content = checkpoint("1024_16_light")
    change(content)
    return content


@pytest.mark.parametrize(
    ("content", "code", "said"),
    [
        (lambda: _with(lambda c: c.pop("g_ema")), "weights-not-a-checkpoint", "g_ema"),
        (
            lambda: _with(lambda c: c["e_ema"].update({"final_conv.1.bias": torch.zeros(63)})),
            "weights-unfit",
            "final_conv.1.bias",
        ),
        (
            lambda: _with(
                lambda c: c["e_ema"].update({"final_conv.1.bias": torch.full((64,), torch.nan)})
            ),
            "weights-damaged",
            "final_conv.1.bias",
        ),
        (
            lambda: _with(
                lambda c: c["g_ema"].update(
                    {"decoder.conv1.activate.bias": torch.full((512,), 7e4)}
                )
            ),
            "weights-unfit",
            "decoder.conv1.activate.bias",
        ),
    ],
)
def test_refused_files_leave_nothing(content, code, said, library, tmp_path):
    """Each kind of wrong content is refused with its reason, and no file of it stays."""
    path = save(content(), tmp_path)
    with pytest.raises(VcamError, match=said) as caught:
        import_checkpoint(library, JobsHere(), path)
    assert caught.value.code == code
    assert left(library, tmp_path) == []
    assert path.exists()


def test_other_files_are_refused(library, tmp_path):
    """A web page under the name, a file cut short, none at all."""
    path = save(checkpoint("1024_16_light"), tmp_path)
    whole = path.read_bytes()
    for content, code in (
        (b"<!doctype html><title>Sign in</title>", "weights-not-a-checkpoint"),
        (whole[: len(whole) // 2], "weights-damaged"),
    ):
        path.write_bytes(content)
        with pytest.raises(EditError) as caught:
            import_checkpoint(library, JobsHere(), path)
        assert caught.value.code == code
    with pytest.raises(EditError) as caught:
        import_checkpoint(library, JobsHere(), tmp_path / "none.pt")
    assert caught.value.code == "weights-missing"
    assert left(library, tmp_path) == []


def test_a_name_is_judged_before_the_file_is_read(library, tmp_path):
    """A name that cannot be, or is taken, costs no minute of reading."""
    path = save(checkpoint("1024_16_light"), tmp_path)
    for name, error in (("Über", ConfigError), ("face256", EditError)):
        with pytest.raises(error):
            import_checkpoint(library, None, path, name)  # no jobs: an attempt would fail


def test_a_full_disk_is_told(library, tmp_path, monkeypatch):
    """Weights that cannot be written are a failed job with the reason, not a mistake of ours."""
    from vcam.engine import imported_model

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(imported_model, "save_weights", full)
    with pytest.raises(DaemonError, match="No space left") as caught:
        import_checkpoint(library, JobsHere(), save(checkpoint("1024_16_light"), tmp_path))
    assert caught.value.code == "job-failed"
    assert left(library, tmp_path) == []


def test_a_network_that_learnt_no_faces_is_told(library, tmp_path):
    """Weights for other things are imported, with a word about it."""
    content = checkpoint("1024_16_light")
    content["train_args"].dataset = "afhq"
    _, advice = import_checkpoint(library, JobsHere(), save(content, tmp_path))
    assert "afhq" in advice
