"""The mapping network laid along the principal components of faces."""

from __future__ import annotations

import pytest
import torch

from models.networks import STYLE_CHANNELS, Generator, NetworkConfig
from models.training import noise
from models.training.faces import FaceBank


@pytest.fixture(autouse=True)
def _few_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noise, "_PAIRS", 512)
    monkeypatch.setattr(noise, "_REFINING_STEPS", 60)


def test_the_mapping_follows_a_line(narrow: None) -> None:
    """Of a linear goal where stylemaps are, less than 5 % of the variance is missed."""
    torch.manual_seed(0)
    generator = Generator(NetworkConfig(64, 4, 1, light=True))
    places = STYLE_CHANNELS * 4 * 4
    mean = 1.5 + 0.3 * torch.randn(places)
    components = 0.06 * torch.randn(STYLE_CHANNELS, places)
    assert noise.lay_along(generator, mean, components) < 0.05
    generator.requires_grad_(requires_grad=False)

    z = torch.randn(256, STYLE_CHANNELS)
    unit = z * torch.rsqrt(z.square().mean(1, keepdim=True))
    missed = generator.stylemap_from_noise(z).flatten(1) - (mean + unit @ components)
    assert float(missed.square().mean() / (unit @ components).square().mean()) < 0.05


def test_the_components_are_those_of_the_faces(bank: FaceBank) -> None:
    """What an encoder sees in the faces is mean and components, along which the faces lie."""

    class Seeing(torch.nn.Module):
        """Sees two numbers in a picture: how red and how green it is."""

        def forward(self, faces: torch.Tensor) -> torch.Tensor:
            return faces[:, :2].mean((2, 3)).repeat(1, 64)[:, :, None, None]  # [B, 128, 1, 1]

    torch.manual_seed(0)
    mean, components = noise._principal_components(Seeing(), bank, torch.float32)
    seen = Seeing()(bank.at(slice(0, 4))[0]).flatten(1)
    assert components.shape == (STYLE_CHANNELS, 128)
    directions = torch.linalg.qr(components[:2].mT)[0]
    off = seen - mean
    assert torch.allclose(off, off @ directions @ directions.mT, atol=1e-4)
    assert float(components[2:].norm()) < 1e-3 * float(components[:2].norm())
