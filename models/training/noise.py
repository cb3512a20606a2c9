"""Starts the mapping network where faces are.

From scratch the mapping finds faces only after millions of pictures. The encoder knows already
where they are: along the first principal components of its stylemaps lies a face for every normal
vector, a soft one, and the adversarial training goes on from there.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from models.networks import SLOPE, SQRT2, STYLE_CHANNELS, Encoder, EqualLinear, Generator
from models.training.faces import FaceBank

_FACES = 4096
_BATCH = 64
_SHIFT = 3.0  # deviations by which hidden activations are lifted to where they are linear
_SPREAD = 0.9  # of the components' own deviation: the middle of the faces is the surest
_PAIRS, _REFINING_STEPS, _LR = 2048, 200, 0.02


def fit_mapping(
    encoder: Encoder, generator: Generator, bank: FaceBank, dtype: torch.dtype
) -> float:
    """Make the mapping give stylemap = mean + components z, near enough.

    Returns: which part of the components' variance is missed.
    """
    mean, components = _principal_components(encoder, bank, dtype)
    return lay_along(generator, mean, components)


@torch.no_grad()
def lay_along(generator: Generator, mean: Tensor, components: Tensor) -> float:
    """Set the mapping's weights for mean [F] and components [64, F] of flat stylemaps.

    Hidden layers turn the vector and pass it on, lifted so far that the leaky ReLU is straight.
    The last layer is then a linear regression, refined for what its own activation bends.
    Returns: which part of the components' variance is missed.
    """
    *hidden, last = [layer for layer in generator.mapping_z if isinstance(layer, EqualLinear)]
    device = mean.device
    lifted = 0.0
    for layer in hidden:  # x' = gain (turn (x - lifted) + shift), so that lifts do not add up
        turn = torch.linalg.qr(torch.randn(STYLE_CHANNELS, STYLE_CHANNELS, device=device))[0]
        scale = 1.0 if lifted == 0.0 else 1 / SQRT2
        _store(layer, turn * scale, _SHIFT - turn.sum(1) * (scale * lifted))
        lifted = SQRT2 * _SHIFT

    def hidden_of(z: Tensor) -> tuple[Tensor, Tensor]:
        """The last layer's inputs, and the goal for its outputs."""
        unit = z * torch.rsqrt(z.square().mean(1, keepdim=True))
        inner = unit
        for layer in hidden:
            inner = layer(inner)
        return inner, mean + unit @ components

    inner, goal = hidden_of(torch.randn(8 * _PAIRS, STYLE_CHANNELS, device=device))
    before = torch.where(goal > 0, goal, goal / SLOPE) / SQRT2  # what the activation makes it of
    ones = torch.ones(len(inner), 1, device=device)
    solution = torch.linalg.lstsq(torch.cat((inner, ones), 1), before).solution  # [65, F]
    weight, bias = solution[:-1].mT.contiguous(), solution[-1].contiguous()
    adam = torch.optim.Adam(
        (weight.requires_grad_(), bias.requires_grad_()), _LR * float(weight.std()), (0.9, 0.99)
    )
    for _ in range(_REFINING_STEPS):
        inner, goal = hidden_of(torch.randn(_PAIRS, STYLE_CHANNELS, device=device))
        with torch.enable_grad():
            found = SQRT2 * F.leaky_relu(F.linear(inner, weight, bias), SLOPE)
            F.mse_loss(found, goal).backward()
        adam.step()
        adam.zero_grad(set_to_none=True)
    _store(last, weight.detach(), bias.detach())

    z = torch.randn(_PAIRS, STYLE_CHANNELS, device=device)
    missed = F.mse_loss(generator.stylemap_from_noise(z).flatten(1), hidden_of(z)[1])
    return float(missed / components.square().sum(0).mean())


def _store(layer: EqualLinear, weight: Tensor, bias: Tensor) -> None:
    """Set what a layer computes with; it stores them scaled."""
    layer.weight.copy_(weight / layer.gain)
    layer.bias.copy_(bias / layer.lr_mul)


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
    components = torch.zeros(STYLE_CHANNELS, flat.shape[1], device=flat.device)
    components[: len(values)] = (vectors * (values / math.sqrt(len(flat)))).mT * _SPREAD
    return mean, components
