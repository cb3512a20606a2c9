"""The inference form gives the plain form's pictures.

1e-4 of the largest value is float32's rounding through some thirty layers with room (1e-5 is
seen); bfloat16 keeps 8 bits of each number, which comes to 2 % of the root mean square.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from models.blend import blend_maps
from models.inference import EditNetwork, normalise_by_rows, normalise_by_sums
from models.networks import Encoder, Generator, NetworkConfig
from tests.unit.models.conftest import SMALL

Networks = tuple[Encoder, Generator]


@pytest.fixture(scope="module")
def network(small_networks: Networks) -> EditNetwork:
    """The small member, prepared for the CPU."""
    return EditNetwork(*small_networks)


@pytest.fixture
def pair() -> Tensor:
    """Two pictures of noise."""
    return torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(3)) * 2 - 1


@pytest.fixture
def mask() -> Tensor:
    """A rectangle that covers cells wholly, partly and not."""
    soft = torch.zeros(1, 1, 64, 64)
    soft[..., 10:40, 13:50] = 0.8
    return soft


def assert_same(found: Tensor, plain: Tensor) -> None:
    """The same to float32's rounding."""
    assert found.shape == plain.shape
    assert (found - plain).abs().max() <= 1e-4 * plain.abs().max()


def followed(networks: Networks, pair: Tensor, mask: Tensor) -> Tensor:
    """The `follow` edit as its equation says, by the plain form."""
    encoder, generator = networks
    maps = generator.resize(encoder(pair))
    live, pasted = [level[:1] for level in maps], [level[1:] for level in maps]
    blended = blend_maps(live, pasted, mask)
    return torch.cat([generator.synthesise(each) for each in (live, blended, pasted)])


def test_merged_blurs_give_the_same_pictures(
    small_networks: Networks, pair: Tensor, mask: Tensor
) -> None:
    """Blurs merged into their convolutions, as on a GPU, change nothing but rounding."""
    merged = EditNetwork(*small_networks, merges_blurs=True)
    assert_same(merged.follow(pair, mask), followed(small_networks, pair, mask))


def test_parts_equal_the_plain_form(
    network: EditNetwork, small_networks: Networks, pair: Tensor
) -> None:
    """Stylemap, maps and pictures are those of the plain networks."""
    encoder, generator = small_networks
    stylemap = encoder(pair)
    assert_same(network.encode(pair), stylemap)
    maps = generator.resize(stylemap)
    for found, plain in zip(network.resize(stylemap), maps, strict=True):
        assert_same(found, plain)
    assert_same(network.synthesise(maps), generator.synthesise(maps))


def test_full_member_equals_the_plain_form() -> None:
    """Members with a full resizer and more width are prepared as rightly as the light one."""
    torch.manual_seed(0)
    config = NetworkConfig(64, 32, 2, light=False)
    encoder, generator = Encoder(config), Generator(config)
    picture = torch.rand(1, 3, 64, 64) * 2 - 1
    prepared = EditNetwork(encoder, generator)
    with torch.inference_mode():
        plain = generator(encoder(picture))
    assert_same(prepared.synthesise(prepared.resize(prepared.encode(picture))), plain)


def test_follow_is_its_equation(
    network: EditNetwork, small_networks: Networks, pair: Tensor, mask: Tensor
) -> None:
    """`follow` gives the pictures of the live face, of the blend and of the pasted face."""
    assert_same(network.follow(pair, mask), followed(small_networks, pair, mask))


def test_follow_without_mask_gives_the_live_face_twice(network: EditNetwork, pair: Tensor) -> None:
    """With an empty mask the blend's picture is the live face's, so the correction is nothing."""
    live, blended, _ = network.follow(pair, torch.zeros(1, 1, 64, 64))
    assert torch.equal(live, blended)


@pytest.mark.parametrize("hard", [False, True])
def test_replace_is_its_equation(
    network: EditNetwork, small_networks: Networks, pair: Tensor, mask: Tensor, hard: bool
) -> None:
    """`replace` mixes cached maps of a reference into the live face's, softly or in hard cells."""
    encoder, generator = small_networks
    live, reference = generator.resize(encoder(pair[:1])), generator.resize(encoder(pair[1:]))
    mixed = blend_maps(live, reference, mask, hard=hard)
    plain = torch.cat([generator.synthesise(live), generator.synthesise(mixed)])
    cached = network.resize(network.encode(pair[1:]))
    assert_same(network.replace(pair[:1], cached, mask, hard=hard), plain)


def test_pictures_come_ready_for_numpy(network: EditNetwork, pair: Tensor, mask: Tensor) -> None:
    """Pictures are float32 and contiguous as [B, H, W, 3], so that no copy is needed."""
    pictures = network.follow(pair, mask)
    assert pictures.dtype == torch.float32
    assert pictures.permute(0, 2, 3, 1).is_contiguous()


def test_half_precision_is_close(small_networks: Networks, pair: Tensor, mask: Tensor) -> None:
    """In half precision the pictures differ by what the type rounds, no more."""
    prepared = EditNetwork(*small_networks, dtype=torch.bfloat16)
    plain = followed(small_networks, pair, mask)
    difference = prepared.follow(pair, mask) - plain
    assert difference.square().mean().sqrt() < 0.04 * plain.square().mean().sqrt()


def test_both_ways_to_normalise_agree() -> None:
    """CUDA's way to normalise gives what the CPU's gives, far from mean 0 too."""
    x = (torch.randn(3, 8, 16, 16) * 5 + 20).contiguous(memory_format=torch.channels_last)
    assert torch.allclose(normalise_by_sums(x), normalise_by_rows(x), atol=1e-4)


def test_wrong_shapes_are_refused(network: EditNetwork, pair: Tensor, mask: Tensor) -> None:
    """A picture or mask of another size is refused, and the message names which."""
    with pytest.raises(ValueError, match=r"pair is \(1, 3, 64, 64\)"):
        network.follow(pair[:1], mask)
    with pytest.raises(ValueError, match=r"mask is \(1, 1, 32, 64\)"):
        network.follow(pair, mask[..., :32, :])
    with pytest.raises(ValueError, match=r"pictures is \(2, 3, 64, 32\)"):
        network.encode(pair[..., :32])


def test_networks_of_two_members_are_refused(small_networks: Networks) -> None:
    """An encoder and a generator that do not belong together are refused."""
    with torch.device("meta"):
        other = Encoder(NetworkConfig(64, 32, SMALL.multiplier, SMALL.light))
    with pytest.raises(ValueError, match=r"stylemap_size=32.*stylemap_size=16"):
        EditNetwork(other, small_networks[1])
