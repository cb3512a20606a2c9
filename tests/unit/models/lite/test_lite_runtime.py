"""The small model on OpenVINO: the plain form's results, and none of OpenVINO's habits."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models.lite.config import LITE, LiteConfig
from models.lite.networks import LiteEncoder, LiteGenerator, build_lite
from models.lite.runtime import LiteNetwork
from models.weights import Card, Weights, WeightsError, load_weights, save_weights

SMALL = LiteConfig(encoder=(4, 6, 8), decoder=(10, 8, 6, 4), maps=(8, 6, 4))

IMPORT = """
import sys
from models.lite.runtime import LiteNetwork
from models.weights import load_weights
network = LiteNetwork(load_weights(sys.argv[1]))
print("torch" in sys.modules, sys.modules["openvino_telemetry"])
"""


def random_weights(folder: Path, config: LiteConfig, name: str = "tiny") -> Weights:
    """Stored weights of a network in which every tensor counts."""
    torch.manual_seed(5)
    networks = LiteEncoder(config), LiteGenerator(config)
    for network in networks:
        for module in network.modules():
            if isinstance(module, torch.nn.Conv2d) and module.bias is not None:
                torch.nn.init.normal_(module.weight, std=module.weight[0].numel() ** -0.5)
                torch.nn.init.normal_(module.bias, std=0.1)
    arrays = [{k: v.detach().numpy() for k, v in n.named_parameters()} for n in networks]
    save_weights(folder, Card(name, config, "face", "none", "none", {}), *arrays)
    return load_weights(folder / f"{name}.safetensors")


@pytest.fixture
def inputs() -> tuple[np.ndarray, np.ndarray]:
    """A pair of crops and a mask."""
    rng = np.random.default_rng(7)
    pair = rng.uniform(-1, 1, (2, 3, 256, 256)).astype(np.float32)
    return pair, rng.uniform(0, 1, (1, 1, 256, 256)).astype(np.float32)


@pytest.mark.parametrize(
    "config",
    [SMALL, replace(SMALL, corrector=False), LITE],
    ids=["small", "small without corrector", "lite"],
)
@torch.inference_mode()
def test_it_computes_what_the_plain_form_does(
    tmp_path: Path, inputs: tuple[np.ndarray, np.ndarray], config: LiteConfig
) -> None:
    """Correction and pictures are the plain form's, to a ten thousandth of their range."""
    weights = random_weights(tmp_path, config)
    encoder, generator = build_lite(weights)
    pair, mask = (torch.from_numpy(array) for array in inputs)
    own, paste = encoder(pair[:1]), encoder(pair[1:])
    correction = generator.correct((pair[:1], pair[1:]), (own, paste), mask).numpy()
    pictures = torch.cat(generator.follow(own[0], paste[0], mask)).numpy()
    network = LiteNetwork(weights, precision="f32")
    assert network.precision == "f32"
    for expected, found in (
        (correction, network.correct(*inputs)),
        (pictures, network.follow(*inputs)),
    ):
        assert found.shape == expected.shape
        assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()


def test_the_fast_precision_is_near(tmp_path: Path, inputs: tuple[np.ndarray, np.ndarray]) -> None:
    """In the precision that OpenVINO chooses by itself the correction is within a few per cent."""
    weights = random_weights(tmp_path, LITE)
    exact = LiteNetwork(weights, precision="f32").correct(*inputs).copy()
    error = np.abs(LiteNetwork(weights).correct(*inputs) - exact)
    assert error.max() < 0.05 * np.abs(exact).max()


def test_arrays_are_read_where_they_lie(
    tmp_path: Path, inputs: tuple[np.ndarray, np.ndarray]
) -> None:
    """The same buffers, filled anew, give a new result; other buffers are taken as well."""
    network = LiteNetwork(random_weights(tmp_path, SMALL), precision="f32")
    pair, mask = inputs
    first = network.correct(pair, mask).copy()
    other = pair[::-1].copy()
    swapped = network.correct(other, mask).copy()
    assert np.abs(swapped - first).max() > 0.01
    pair[:] = other
    assert np.array_equal(network.correct(pair, mask), swapped)


@pytest.mark.parametrize("spoil", ["type", "shape", "order"])
def test_other_arrays_are_refused(
    tmp_path: Path, inputs: tuple[np.ndarray, np.ndarray], spoil: str
) -> None:
    """What OpenVINO would read as garbage is misuse."""
    network = LiteNetwork(random_weights(tmp_path, SMALL))
    pair, mask = inputs
    pair = {
        "type": pair.astype(np.float64),
        "shape": pair[:, :2].copy(),
        "order": pair.transpose(0, 1, 3, 2),
    }[spoil]
    with pytest.raises(ValueError, match="an input is"):
        network.correct(pair, mask)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    """Tensors that are missing or do not fit are damage; a card of the other kind is misuse."""
    weights = random_weights(tmp_path, SMALL)
    name = "level_16.first.weight"
    without = {key: value for key, value in weights.encoder.items() if key != name}
    for encoder in (without, {**without, name: weights.encoder[name][:, :3]}):
        with pytest.raises(WeightsError, match="make no network"):
            LiteNetwork(Weights(weights.card, encoder, weights.generator))
    with pytest.raises(TypeError):
        LiteNetwork(load_weights("face256"))


def test_openvino_comes_without_its_telemetry_and_without_torch(tmp_path: Path) -> None:
    """Its import leaves no file in the home folder, loads no sender of events, and no torch."""
    random_weights(tmp_path, SMALL)
    home = tmp_path / "home"
    home.mkdir()
    said = subprocess.run(
        [sys.executable, "-c", IMPORT, str(tmp_path / "tiny.safetensors")],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={**os.environ, "HOME": str(home), "USERPROFILE": str(home)},
    )
    assert said.stdout.split() == ["False", "None"]
    assert list(home.iterdir()) == []
