"""What the tests of the models share: fixed weights, and a small network of the family."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from models.networks import Encoder, Generator, NetworkConfig

GOLDEN = Path(__file__).parent / "golden"

# The least there is: side 64, two doublings, a second's work where 256 takes half a minute.
SMALL = NetworkConfig(size=64, stylemap_size=16, multiplier=1, light=True)


def fill(network: nn.Module, name: str) -> None:
    """Give every parameter the values that its name stands for.

    Drawn by numpy, so that they are the same with every version of torch: standard normal numbers
    from PCG64, seeded with the first four bytes of the SHA-256 of "network/parameter"; biases a
    tenth of that, around 1 for gamma's and around 0 elsewhere.
    """
    with torch.no_grad():
        for key, parameter in network.named_parameters():
            digest = hashlib.sha256(f"{name}/{key}".encode()).digest()
            generator = np.random.Generator(np.random.PCG64(int.from_bytes(digest[:4], "little")))
            values = generator.standard_normal(tuple(parameter.shape))
            if key.endswith("bias"):
                values = 0.1 * values + (1.0 if ".gamma." in key else 0.0)
            parameter.copy_(torch.from_numpy(values))


@pytest.fixture(scope="session", autouse=True)
def _two_threads() -> None:
    torch.set_num_threads(2)


@pytest.fixture(scope="session")
def small_networks() -> tuple[Encoder, Generator]:
    """Encoder and generator of the small member, with fixed weights, not to be changed."""
    encoder, generator = Encoder(SMALL), Generator(SMALL)
    fill(encoder, "encoder")
    fill(generator, "generator")
    return (
        encoder.eval().requires_grad_(requires_grad=False),
        generator.eval().requires_grad_(requires_grad=False),
    )
