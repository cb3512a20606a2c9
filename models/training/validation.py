"""The few numbers that a training watches; `models.evaluate` measures thoroughly."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.feature_distance import FeatureDistance
from models.training.faces import FaceBank

_BATCH = 32


@torch.no_grad()
def validate(
    reconstruct: Callable[[Tensor], Tensor],
    bank: FaceBank,
    features: FeatureDistance,
    dtype: torch.dtype,
) -> dict[str, float]:
    """PSNR in dB, mean square error (of -1..1) and feature distance of reconstructions."""
    squares: list[Tensor] = []
    distances: list[Tensor] = []
    for start in range(0, len(bank), _BATCH):
        faces, _ = bank.at(slice(start, start + _BATCH))
        shown = faces.to(dtype, memory_format=torch.channels_last)
        painted = reconstruct(shown).float().clamp(-1, 1)
        squares.append((painted - faces).square().mean((1, 2, 3)))
        distances.append(features(painted.to(shown), shown))
    square = torch.cat(squares)
    return {
        "psnr_db": float((10 * torch.log10(4 / square)).mean()),
        "mse": float(square.mean()),
        "feature_distance": float(torch.cat(distances).mean()),
    }


def arrays_of(network: nn.Module) -> dict[str, NDArray[np.float32]]:
    """A network's parameters by name, as `save_weights` takes them."""
    named = network.named_parameters()
    return {name: parameter.detach().float().cpu().numpy() for name, parameter in named}
