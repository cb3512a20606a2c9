"""Released checkpoints: read as they are; anything else is refused with the reason."""

from __future__ import annotations

import argparse
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from models.checkpoint import read_checkpoint
from models.config import NetworkConfig
from models.networks import Encoder, Generator
from models.weights import WeightsError
from tests.fakes.checkpoints import checkpoint

Content = dict[str, Any]

MEMBERS = {
    "256_8_full": NetworkConfig(256, 8, 2, light=False),
    "1024_16_light": NetworkConfig(1024, 16, 2, light=True),
}


def save(content: object, folder: Path, *, as_zip: bool = True) -> Path:
    """A file as torch writes it since 1.6, or as it wrote it before."""
    path = folder / "celeba.pt"
    torch.save(content, path, _use_new_zipfile_serialization=as_zip)
    return path


def refusal(path: Path) -> WeightsError:
    """Why the file is refused."""
    with pytest.raises(WeightsError) as caught:
        read_checkpoint(path)
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize("as_zip", [True, False])
@pytest.mark.parametrize("member", MEMBERS)
def test_the_averaged_networks_are_read(member: str, as_zip: bool, tmp_path: Path) -> None:
    """Every parameter of `e_ema` and `g_ema` comes as it is stored; nothing else is kept."""
    content = checkpoint(member)
    read = read_checkpoint(save(content, tmp_path, as_zip=as_zip))
    assert read.config == MEMBERS[member]
    assert read.dataset == content["train_args"].dataset
    for name, arrays in (("e_ema", read.encoder), ("g_ema", read.generator)):
        wanted = {key for key in content[name] if not key.endswith(".kernel")}
        assert arrays.keys() == wanted
        for key, array in arrays.items():
            assert array.shape == content[name][key].shape
            assert (array == content[name][key].numpy()).all(), key


def test_the_networks_are_whole(tmp_path: Path) -> None:
    """What is read fills the plain networks with no parameter left over or missing."""
    read = read_checkpoint(save(checkpoint("1024_16_light"), tmp_path))
    for network, arrays in ((Encoder, read.encoder), (Generator, read.generator)):
        with torch.device("meta"):
            names = dict(network(read.config).named_parameters())
        assert names.keys() == arrays.keys()


def test_a_page_in_the_place_of_the_file(tmp_path: Path) -> None:
    """A saved web page is called one, with the way to the real file."""
    path = tmp_path / "celeba.pt"
    path.write_text("\n<!DOCTYPE html><html><title>Too large to scan for viruses</title></html>")
    error = refusal(path)
    assert error.code == "weights-not-a-checkpoint"
    assert "web page" in error.message
    assert "browser" in error.hint


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n", b"Dear Sir or Madam"])
def test_a_file_of_another_kind(content: bytes, tmp_path: Path) -> None:
    """What torch has not saved is refused by its first bytes."""
    path = tmp_path / "celeba.pt"
    path.write_bytes(content)
    assert refusal(path).code == "weights-not-a-checkpoint"


def test_a_path_without_file(tmp_path: Path) -> None:
    """A missing file is missing, and so is a folder."""
    assert refusal(tmp_path / "none.pt").code == "weights-missing"
    assert refusal(tmp_path).code == "weights-missing"


@pytest.mark.parametrize("as_zip", [True, False])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, 0.999])
def test_a_file_cut_short(share: float, as_zip: bool, tmp_path: Path) -> None:
    """An interrupted download is damaged, wherever it stopped."""
    path = save(checkpoint("1024_16_light"), tmp_path, as_zip=as_zip)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    assert refusal(path).code == "weights-damaged"


class Command:
    """Unpickled, it would make a folder."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (self.path,)


class Stranger:
    """An object of a class of its own."""


@pytest.mark.parametrize("as_zip", [True, False])
def test_a_file_that_brings_code(as_zip: bool, tmp_path: Path) -> None:
    """Nothing that the file names is called, and the name is told."""
    traces = tmp_path / "was-here"
    for name, thing in (("mkdir", Command(traces)), ("Stranger", Stranger())):
        content = {**checkpoint("1024_16_light"), "extra": thing}
        error = refusal(save(content, tmp_path, as_zip=as_zip))
        assert error.code == "weights-need-code"
        assert name in error.message
    assert not traces.exists()


def test_a_bare_pickle(tmp_path: Path) -> None:
    """A pickle that torch did not write is not opened at all."""
    traces = tmp_path / "was-here"
    path = tmp_path / "celeba.pt"
    path.write_bytes(pickle.dumps(Command(traces)))
    assert refusal(path).code == "weights-not-a-checkpoint"
    assert not traces.exists()


def test_namespace_is_allowed_only_while_reading(tmp_path: Path) -> None:
    """Reading a checkpoint leaves torch as strict as it was for everybody else."""
    path = save(checkpoint("1024_16_light"), tmp_path)
    read_checkpoint(path)
    with pytest.raises(pickle.UnpicklingError, match="Namespace"):
        torch.load(path, weights_only=True)


@pytest.mark.parametrize("name", ["e_ema", "g_ema", "train_args"])
def test_a_missing_part(name: str, tmp_path: Path) -> None:
    """A checkpoint without averaged networks or arguments is none, and the part is named."""
    content = checkpoint("1024_16_light")
    del content[name]
    error = refusal(save(content, tmp_path))
    assert error.code == "weights-not-a-checkpoint"
    assert name in error.message


@pytest.mark.parametrize(
    "content", [[1, 2], {"train_args": {"size": 256}, "e_ema": {}, "g_ema": {}}]
)
def test_another_kind_of_content(content: object, tmp_path: Path) -> None:
    """A list of numbers, or arguments of another kind, are no checkpoint."""
    assert refusal(save(content, tmp_path)).code == "weights-not-a-checkpoint"


def _tensor(content: Content, change: Callable[[torch.Tensor], object]) -> None:
    state = content["g_ema"]
    state["decoder.conv1.activate.bias"] = change(state["decoder.conv1.activate.bias"])


@pytest.mark.parametrize(
    "change",
    [
        lambda c: _tensor(c, lambda t: t[:-1]),
        lambda c: _tensor(c, lambda t: t.to(torch.int32)),
        lambda c: _tensor(c, lambda t: t.to("meta")),
        lambda c: _tensor(c, lambda t: t[None].to_sparse()),
        lambda c: _tensor(c, lambda t: t.tolist()),
        lambda c: c["g_ema"].pop("decoder.conv1.activate.bias"),
        lambda c: c["g_ema"].update({"decoder.conv1.activate.bias.more": torch.zeros(1)}),
        lambda c: c.update(g_ema=[]),
    ],
)
def test_tensors_of_another_network(change: Callable[[Content], object], tmp_path: Path) -> None:
    """Every name, shape and kind must be the network's; the first that is not is named."""
    content = checkpoint("1024_16_light")
    change(content)
    error = refusal(save(content, tmp_path))
    assert error.code == "weights-unfit"
    assert "g_ema" in error.message
    if content["g_ema"]:
        assert "decoder.conv1.activate.bias" in error.message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("size", 300),
        ("size", "256"),
        ("latent_channel_size", torch.zeros(3)),
        ("size", 256),  # another member than the tensors are of
        ("latent_spatial_size", True),
        ("latent_channel_size", 32),
        ("channel_multiplier", 1 << 40),
        ("channel_multiplier", 0),
        ("small_generator", False),
        ("normalize_mode", "InstanceNorm2d"),
    ],
)
def test_arguments_of_another_network(name: str, value: object, tmp_path: Path) -> None:
    """Only networks that can be built, and whose tensors these are, are imported."""
    content = checkpoint("1024_16_light")
    setattr(content["train_args"], name, value)
    assert refusal(save(content, tmp_path)).code == "weights-unfit"


def test_another_blur(tmp_path: Path) -> None:
    """A network that filters otherwise gives other pictures, so it is refused."""
    content = checkpoint("1024_16_light")
    content["e_ema"]["convs.0.conv2.0.kernel"] = torch.full((4, 4), 1 / 16)
    error = refusal(save(content, tmp_path))
    assert error.code == "weights-unfit"
    assert "blur" in error.message


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_no_numbers(value: float, tmp_path: Path) -> None:
    """One value that is no number is damage, and its tensor is named."""
    content = checkpoint("1024_16_light")
    bias = torch.zeros(64)
    bias[7] = value
    content["e_ema"]["final_conv.1.bias"] = bias
    error = refusal(save(content, tmp_path))
    assert error.code == "weights-damaged"
    assert "e_ema.final_conv.1.bias" in error.message


def test_arguments_without_the_later_ones(tmp_path: Path) -> None:
    """A training that had no small generator yet wrote nothing about it: it is a full one."""
    content = checkpoint("256_8_full")
    arguments = vars(content["train_args"])
    del arguments["small_generator"], arguments["dataset"]
    content["train_args"] = argparse.Namespace(**arguments)
    read = read_checkpoint(save(content, tmp_path))
    assert read.config == MEMBERS["256_8_full"]
    assert read.dataset == "unknown"


def test_too_little_memory_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that the memory does not hold is not called damaged."""

    def starve(*_: object, **__: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 GB")

    monkeypatch.setattr(torch, "load", starve)
    with pytest.raises(MemoryError):
        read_checkpoint(save(checkpoint("1024_16_light"), tmp_path))
