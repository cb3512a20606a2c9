"""The small model's plain form: shapes, what it leaves alone, and its way through a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from models.lite.config import LITE, LiteConfig
from models.lite.networks import LiteEncoder, LiteGenerator, build_lite
from models.networks import build
from models.weights import Card, WeightsError, load_weights, save_weights

SMALL = LiteConfig(encoder=(4, 6, 8), decoder=(10, 8, 6, 4), maps=(8, 6, 4))


@pytest.fixture
def networks() -> tuple[LiteEncoder, LiteGenerator]:
    """Encoder and generator of the least size, with weights that have learned nothing."""
    torch.manual_seed(3)
    encoder, generator = LiteEncoder(SMALL).eval(), LiteGenerator(SMALL).eval()
    assert generator.corrector is not None
    torch.nn.init.normal_(generator.corrector.head.weight)  # new ones start at 0
    return encoder, generator


def _save(folder: Path, networks: tuple[LiteEncoder, LiteGenerator], config: LiteConfig) -> None:
    arrays = [{k: v.detach().numpy() for k, v in n.named_parameters()} for n in networks]
    save_weights(folder, Card("tiny", config, "face", "none", "none", {}), *arrays)


@torch.inference_mode()
def test_a_mask_of_zeros_blends_nothing(networks: tuple[LiteEncoder, LiteGenerator]) -> None:
    """Where nothing is asked for, the blend's picture is the frame's."""
    encoder, generator = networks
    (own, *_), (paste, *_) = (
        encoder(torch.rand(2, 3, 256, 256)),
        encoder(torch.rand(2, 3, 256, 256)),
    )
    before, after, _ = generator.follow(own, paste, torch.zeros(2, 1, 256, 256))
    assert torch.equal(before, after)
    _, after, pasted = generator.follow(own, paste, torch.ones(2, 1, 256, 256))
    assert torch.allclose(after, pasted, atol=1e-5)


@torch.inference_mode()
def test_a_correction_stays_near_what_changed(
    networks: tuple[LiteEncoder, LiteGenerator],
) -> None:
    """Nothing couples the whole picture: a far corner's correction does not see the change."""
    encoder, generator = networks
    x = torch.rand(1, 3, 256, 256)
    mask = torch.rand(1, 1, 256, 256)
    corrections = []
    for shade in (0.0, 1.0):
        paste = x.clone()
        paste[..., :8, :8] = shade
        features = encoder(x), encoder(paste)
        corrections.append(generator.correct((x, paste), features, mask))
    change = (corrections[1] - corrections[0]).abs().amax((0, 1))
    assert change[:8, :8].max() > 0
    assert change[-8:, -8:].max() < 1e-6


@torch.inference_mode()
def test_without_a_corrector_the_decoder_corrects() -> None:
    """The correction is then y1 - lerp(y0, yp, t m) of the three pictures, to the bit."""
    torch.manual_seed(3)
    config = replace(SMALL, corrector=False)
    encoder, generator = LiteEncoder(config).eval(), LiteGenerator(config).eval()
    x, paste, mask = (
        torch.rand(1, 3, 256, 256),
        torch.rand(1, 3, 256, 256),
        torch.rand(1, 1, 256, 256),
    )
    features = encoder(x), encoder(paste)
    before, after, pasted = generator.follow(features[0][0], features[1][0], mask)
    found = generator.correct((x, paste), features, mask)
    assert torch.equal(found, after - torch.lerp(before, pasted, mask))
    assert found.std() > 0


@torch.inference_mode()
def test_stored_weights_come_back(
    tmp_path: Path, networks: tuple[LiteEncoder, LiteGenerator]
) -> None:
    """Networks built from a file paint as those that were saved, to half precision."""
    _save(tmp_path, networks, SMALL)
    encoder, generator = build_lite(load_weights(tmp_path / "tiny.safetensors"))
    x = torch.rand(1, 3, 256, 256)
    expected = networks[1](networks[0](x)[0])
    assert torch.allclose(generator(encoder(x)[0]), expected, atol=2e-2 * float(expected.std()))


def test_weights_of_another_network_are_refused(
    tmp_path: Path, networks: tuple[LiteEncoder, LiteGenerator]
) -> None:
    """Tensors that do not fit the card are damage; a card of the other kind is misuse."""
    _save(tmp_path, networks, LITE)
    weights = load_weights(tmp_path / "tiny.safetensors")
    with pytest.raises(WeightsError, match="do not fit"):
        build_lite(weights)
    with pytest.raises(TypeError):
        build(weights)
    with pytest.raises(TypeError):
        build_lite(load_weights("face256"))


def test_sizes_that_no_layout_has_are_refused() -> None:
    """A level too few and a level without channels are refused by name."""
    with pytest.raises(ValueError, match="decoder"):
        LiteConfig((4, 4, 4), (4, 4, 4), (4, 4, 4))
    with pytest.raises(ValueError, match="maps"):
        LiteConfig((4, 4, 4), (4, 4, 4, 4), (4, 0, 4))
