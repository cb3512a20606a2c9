"""Stored weights are believed only if they are exactly what their card says."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.networks import Encoder, Generator, build
from models.weights import (
    Card,
    WeightsError,
    built_in_names,
    load_weights,
    read_card,
    save_weights,
)
from tests.unit.models.conftest import SMALL

Networks = tuple[Encoder, Generator]
Change = Callable[[dict[str, Any]], object]
CARD = Card(
    name="small",
    config=SMALL,
    crop="face",
    licence="CC0",
    data="nothing",
    numbers={"psnr_db": 1.5},
)


def arrays(network: torch.nn.Module) -> dict[str, np.ndarray]:
    """A network's parameters and buffers as numpy has them."""
    return {key: value.numpy() for key, value in network.state_dict().items()}


@pytest.fixture(scope="module")
def saved(small_networks: Networks, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with intact weights."""
    folder = tmp_path_factory.mktemp("weights")
    save_weights(folder, CARD, *map(arrays, small_networks))
    return folder


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    """A folder with weights that a test may damage."""
    for file in saved.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


def refused(path: str | Path) -> WeightsError:
    """The error that loading ends with."""
    with pytest.raises(WeightsError) as caught:
        load_weights(path)
    assert caught.value.hint
    return caught.value


def edit_card(folder: Path, change: Change) -> None:
    """Change the card's JSON."""
    file = folder / "small.json"
    card = json.loads(file.read_text())
    change(card)
    file.write_text(json.dumps(card))


@pytest.mark.parametrize("suffix", ["safetensors", "json"])
def test_saved_weights_come_back(saved: Path, small_networks: Networks, suffix: str) -> None:
    """What was saved is loaded, by the tensors' path or the card's, rounded to float16."""
    weights = load_weights(saved / f"small.{suffix}")
    assert replace(weights.card, bytes=0, sha256="") == CARD
    for network, plain in zip(build(weights), small_networks, strict=True):
        for key, value in plain.named_parameters():
            assert torch.equal(network.get_parameter(key), value.half().float()), key


def test_blur_kernels_are_not_stored(saved: Path) -> None:
    """The file holds parameters only."""
    weights = load_weights(saved / "small.safetensors")
    assert not [key for key in (*weights.encoder, *weights.generator) if "kernel" in key]


def test_missing_weights(tmp_path: Path) -> None:
    """Weights that are not there are said to be missing, with the names that are."""
    for wanted in (tmp_path / "none.safetensors", "no-such-weights"):
        error = refused(wanted)
        assert error.code == "weights-missing"
        assert "face256" in error.hint


def test_card_without_tensors(folder: Path) -> None:
    """A card whose tensors are gone is missing weights, and the file is named."""
    (folder / "small.safetensors").unlink()
    error = refused(folder / "small.json")
    assert error.code == "weights-missing"
    assert "small.safetensors" in error.message


def test_truncated_weights(folder: Path) -> None:
    """A file cut short is told by its size."""
    file = folder / "small.safetensors"
    size = file.stat().st_size
    file.write_bytes(file.read_bytes()[: size // 2])
    error = refused(file)
    assert error.code == "weights-damaged"
    assert f"{size // 2} bytes" in error.message
    assert str(size) in error.message


def test_one_flipped_bit(folder: Path) -> None:
    """One bit that is not as it was is enough to refuse the file."""
    file = folder / "small.safetensors"
    data = bytearray(file.read_bytes())
    data[-1000] ^= 1
    file.write_bytes(data)
    error = refused(file)
    assert error.code == "weights-damaged"
    assert "SHA-256" in error.message


def test_not_safetensors(folder: Path) -> None:
    """A file of another kind is refused even if the card vouches for it; nothing is unpickled."""
    file = folder / "small.safetensors"
    torch.save({"a": torch.zeros(3)}, file)
    data = file.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    edit_card(folder, lambda card: card.update(bytes=len(data), sha256=digest))
    error = refused(file)
    assert error.code == "weights-damaged"
    assert "safetensors" in error.message


@pytest.mark.parametrize(
    "change",
    [
        lambda card: card.pop("crop"),
        lambda card: card.update(crop="square"),
        lambda card: card.update(surprise=1),
        lambda card: card["config"].update(size=100),
        lambda card: card.update(name="../face"),
    ],
)
def test_invalid_card(folder: Path, change: Change) -> None:
    """A card that lacks a key, has one too many or an impossible value is refused, and named."""
    edit_card(folder, change)
    error = refused(folder / "small.safetensors")
    assert error.code == "weights-card-invalid"
    assert "small.json" in error.message


def test_card_that_is_no_json(folder: Path) -> None:
    """A card that cannot be parsed is an invalid card."""
    (folder / "small.json").write_text('{"name": "sm')
    assert refused(folder / "small.safetensors").code == "weights-card-invalid"


def test_tensors_of_another_network(folder: Path) -> None:
    """Tensors that do not fit the card's network are refused before anything runs."""
    edit_card(folder, lambda card: card["config"].update(multiplier=2))
    with pytest.raises(WeightsError, match="do not fit") as caught:
        build(load_weights(folder / "small.safetensors"))
    assert caught.value.code == "weights-damaged"


def test_values_beyond_float16_are_not_saved(small_networks: Networks, tmp_path: Path) -> None:
    """A number that float16 cannot hold stops the saving, and its tensor is named."""
    encoder, generator = map(arrays, small_networks)
    encoder["final_conv.1.bias"] = np.full(64, 1e6, np.float32)
    with pytest.raises(ValueError, match=r"encoder\.final_conv\.1\.bias"):
        save_weights(tmp_path, CARD, encoder, generator)


def test_every_built_in_card_is_valid() -> None:
    """Each card in the program can be read and is called what its file is called."""
    assert "face256" in built_in_names()
    for name in built_in_names():
        card = read_card(name)
        assert card.name == name
        assert card.licence
        assert len(card.sha256) == 64


def test_every_built_in_card_names_terms_that_are_there() -> None:
    """The file with the terms, which each card's licence names, lies beside the card."""
    assets = files("models") / "assets"
    for name in built_in_names():
        named = re.search(r"\S+\.LICENSE\.txt", read_card(name).licence)
        assert named is not None
        assert named[0] == f"{name}.LICENSE.txt"
        assert "non-commercial" in (assets / named[0]).read_text()
