"""Starts the mapping network where faces are.

From scratch the mapping finds faces only after millions of pictures. The encoder knows already
where they are: along the first principal components of its stylemaps lies a face for every normal
vector, a soft one, and the adversarial training goes on from there.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from models.networks import STYLE_CHANNELS, Encoder, Generator
from models.training.faces import FaceBank

_FACES = 4096
_BATCH = 64
_STEPS, _PAIRS, _LR = 1500, 512, 0.3  # stored mapping weights are 1 / 0.01 times the used ones
_SPREAD = 0.9  # of the components' own deviation: the middle of the faces is the surest


def fit_mapping(
    encoder: Encoder, generator: Generator, bank: FaceBank, dtype: torch.dtype, steps: int = _STEPS
) -> float:
    """Teach the mapping that stylemap = mean + components z, by least squares.

    Returns: what is left of the variance that the components have, 0 if it were exact.
    """
    mean, components = _principal_components(encoder, bank, dtype)
    mapping = generator.mapping_z
    adam = torch.optim.Adam(mapping.parameters(), _LR, (0.9, 0.99))
    left = torch.ones(())
    for step in range(steps):
        z = torch.randn(_PAIRS, STYLE_CHANNELS, device=mean.device)
        unit = z * torch.rsqrt(z.square().mean(1, keepdim=True))
        goal = mean + unit @ components
        found = generator.stylemap_from_noise(z).flatten(1)
        loss = F.mse_loss(found, goal)
        adam.zero_grad(set_to_none=True)
        loss.backward()
        for group in adam.param_groups:
            group["lr"] = _LR * (1 - step / steps)
        adam.step()
        left = loss.detach() / components.square().sum(0).mean()
    return float(left)


@torch.no_grad()
def _principal_components(
    encoder: Encoder, bank: FaceBank, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """Mean [F] and 64 components [64, F], each as long as its deviation, of flat stylemaps."""
    stylemaps: list[Tensor] = []
    for _ in range(0, min(len(bank), _FACES), _BATCH):
        faces, _ = bank.draw(_BATCH)
        faces = faces.to(dtype, memory_format=torch.channels_last)
        stylemaps.append(encoder(faces).float().flatten(1))
    flat = torch.cat(stylemaps)
    mean = flat.mean(0)
    _, values, vectors = torch.pca_lowrank(flat - mean, q=STYLE_CHANNELS, center=False, niter=3)
    deviations = values / len(flat) ** 0.5
    components = torch.zeros(STYLE_CHANNELS, flat.shape[1], device=flat.device)
    components[: len(values)] = (vectors * deviations).mT * _SPREAD
    return mean, components
