"""The plain networks are the published ones.

The golden numbers were made with the authors' released code in float64, for weights and inputs
that anyone can draw again (see `fill`). 1e-9 is far above float64's rounding (some 1e-13 is seen)
and far below any difference that a changed layer makes.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.blend import blend_maps
from models.networks import Discriminator, Encoder, Generator, NetworkConfig
from tests.unit.models.conftest import GOLDEN, SMALL, fill

FAMILY = {
    "256_16_light_narrow": NetworkConfig(256, 16, 1, light=True),
    "256_8_full": NetworkConfig(256, 8, 2, light=False),
    "1024_16_light": NetworkConfig(1024, 16, 2, light=True),
}
KINDS: dict[str, Callable[[NetworkConfig], nn.Module]] = {
    "encoder": Encoder,
    "generator": Generator,
    "discriminator": Discriminator,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("member", FAMILY)
def test_names_and_shapes_are_the_checkpoints(member: str, kind: str) -> None:
    """A released checkpoint loads as it is: same names, same shapes, same order."""
    with torch.device("meta"):
        network = KINDS[kind](FAMILY[member])
    published = json.loads((GOLDEN / f"state_dict_{member}.json").read_text())[kind]
    own = {key: list(value.shape) for key, value in network.state_dict().items()}
    assert own == published
    assert list(own) == list(published)


@cache
def golden(member: str) -> Mapping[str, NDArray[np.float64]]:
    """The stored numbers by name."""
    with np.load(GOLDEN / f"golden_{member}.npz") as stored:
        return dict(stored)


@cache
def inputs(member: str) -> tuple[Tensor, Tensor, Tensor]:
    """Two pictures, a mask for them and two noise vectors, as the golden numbers were made of."""
    config, generator = FAMILY[member], np.random.Generator(np.random.PCG64(7))
    side, size = config.stylemap_size, config.size
    pictures = generator.uniform(-1, 1, (2, 3, size, size))
    cells = generator.uniform(0, 1, (1, side, side)) > 0.5
    mask = cells.repeat(size // side, 1).repeat(size // side, 2)[None].astype(np.float64)
    return tuple(map(torch.from_numpy, (pictures, mask, generator.standard_normal((2, 64)))))


@cache
def network(member: str, kind: str) -> Any:  # one of KINDS
    """A network with the golden numbers' weights."""
    with torch.device("meta"):
        network = KINDS[kind](FAMILY[member])
    network = network.to(torch.float64).to_empty(device="cpu")
    fill(network, kind)
    return network.requires_grad_(requires_grad=False)


@cache
def stylemaps(member: str) -> Tensor:
    """Of both pictures."""
    return network(member, "encoder")(inputs(member)[0])


@cache
def maps(member: str, picture: int) -> list[Tensor]:
    """Of the first or the second picture."""
    return network(member, "generator").resize(stylemaps(member)[picture : picture + 1])


def assert_golden(member: str, name: str, found: Tensor, rows: slice = slice(None)) -> None:
    """Pictures are stored with every (size / 64)-th pixel."""
    expected = golden(member)[name][rows]
    step = found.shape[-1] // expected.shape[-1]
    thinned = found[..., ::step, ::step] if found.ndim == 4 else found
    np.testing.assert_allclose(thinned.numpy(), expected, rtol=0, atol=1e-9)


NARROW, FULL = "256_16_light_narrow", "256_8_full"  # the full one's pictures take long


@pytest.mark.parametrize("member", [NARROW, FULL])
def test_encoder_gives_the_golden_stylemaps(member: str) -> None:
    """The encoder is the published one."""
    assert_golden(member, "stylemap", stylemaps(member))


@pytest.mark.parametrize("member", [NARROW, FULL])
def test_critic_gives_the_golden_logits(member: str) -> None:
    """The critic is the published one, its group statistics too."""
    assert_golden(member, "logits", network(member, "discriminator")(inputs(member)[0]))


@pytest.mark.parametrize("member", [NARROW, FULL])
def test_mapping_gives_the_golden_stylemaps(member: str) -> None:
    """The mapping network is the published one."""
    z = inputs(member)[2]
    found = network(member, "generator").stylemap_from_noise(z)
    assert_golden(member, "generated_stylemap", found)


@pytest.mark.parametrize("member", [NARROW, FULL])
def test_reconstruction_is_golden(member: str) -> None:
    """Encoder, resizer and synthesis together give the published reconstruction."""
    found = network(member, "generator").synthesise(maps(member, 0))
    assert_golden(member, "recon", found, slice(1))


def test_local_edit_is_golden() -> None:
    """Maps of two pictures mixed by a mask of hard cells give the published local edit."""
    mixed = blend_maps(maps(NARROW, 0), maps(NARROW, 1), inputs(NARROW)[1], hard=True)
    assert_golden(NARROW, "mix", network(NARROW, "generator").synthesise(mixed))


def test_picture_from_noise_is_golden() -> None:
    """From noise, the generator gives the published picture."""
    generator, z = network(NARROW, "generator"), inputs(NARROW)[2]
    found = generator(generator.stylemap_from_noise(z[:1]))
    assert_golden(NARROW, "generated", found, slice(1))


def test_every_parameter_is_trained(small_networks: tuple[Encoder, Generator]) -> None:
    """A loss on a reconstruction reaches every parameter of encoder, resizer and synthesis."""
    encoder, generator = (copy.deepcopy(network).requires_grad_() for network in small_networks)
    generator(encoder(torch.rand(1, 3, 64, 64) * 2 - 1)).square().mean().backward()
    still = [
        key
        for network in (encoder, generator)
        for key, parameter in network.named_parameters()
        if parameter.grad is None or not parameter.grad.abs().max() > 0
    ]
    assert all(key.startswith("mapping_z.") for key in still)
    assert len(still) == 16


def test_activations_may_be_half_precision(small_networks: tuple[Encoder, Generator]) -> None:
    """Float32 parameters work on bfloat16 pictures, and give nearly what float32 gives."""
    encoder, generator = small_networks
    picture = torch.rand(1, 3, 64, 64) * 2 - 1
    half = generator(encoder(picture.bfloat16()))
    assert half.dtype == torch.bfloat16
    whole = generator(encoder(picture))
    assert (half.float() - whole).square().mean() < 1e-3 * whole.square().mean()


def test_critic_takes_any_batch() -> None:
    """A batch that four does not divide is judged too, one logit a picture."""
    with torch.inference_mode():
        assert Discriminator(SMALL)(torch.zeros(3, 3, 64, 64)).shape == (3, 1)


@pytest.mark.parametrize(
    "change", [{"size": 200}, {"stylemap_size": 12}, {"stylemap_size": 64}, {"multiplier": 0}]
)
def test_impossible_networks_are_refused(change: dict[str, int]) -> None:
    """A member that the family does not have is refused, and the field is named."""
    with pytest.raises(ValueError, match=next(iter(change))):
        replace(SMALL, **change)
