"""Optimisers, moving averages and gradients: what every training loop here needs.

Nothing in it waits for the GPU.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Generic, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

_CLIP_NORM = 10.0


def lay_channels_last(network: nn.Module) -> None:
    """Lay out a network's convolutions channels last, in place."""
    for parameter in network.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)


class Optimiser:
    """Adam over some networks, whose gradients are averaged over all processes and clipped."""

    def __init__(
        self, networks: Iterable[nn.Module], lr: float, betas: tuple[float, float]
    ) -> None:
        self.parameters: list[Tensor] = [p for network in networks for p in network.parameters()]
        is_cuda = self.parameters[0].is_cuda
        self.adam = torch.optim.Adam(self.parameters, lr, betas, fused=is_cuda)

    def step(self, lr: float) -> None:
        """Take one step along the gradients, and forget them."""
        gradients = [p.grad for p in self.parameters if p.grad is not None]
        if dist.is_initialized():
            flat = torch.cat([g.flatten() for g in gradients])
            dist.all_reduce(flat)
            flat /= dist.get_world_size()
            parts = flat.split([g.numel() for g in gradients])
            for gradient, part in zip(gradients, parts, strict=True):
                gradient.copy_(part.view_as(gradient))
        torch.nn.utils.clip_grad_norm_(self.parameters, _CLIP_NORM, foreach=True)
        for group in self.adam.param_groups:
            group["lr"] = lr
        self.adam.step()
        self.forget()

    def forget(self) -> None:
        """Drop the gradients."""
        self.adam.zero_grad(set_to_none=True)


_First = TypeVar("_First", bound=nn.Module)
_Second = TypeVar("_Second", bound=nn.Module)


class Average(Generic[_First, _Second]):
    """Encoder and generator whose weights are the moving average of others'."""

    def __init__(self, encoder: _First, generator: _Second) -> None:
        self.encoder, self.generator = (copy.deepcopy(encoder), copy.deepcopy(generator))
        networks, averages = (encoder, generator), (self.encoder, self.generator)
        for network in averages:
            network.eval().requires_grad_(requires_grad=False)
        self._average: list[Tensor] = [p for n in averages for p in n.parameters()]
        self._current: list[Tensor] = [p for n in networks for p in n.parameters()]

    @torch.no_grad()
    def update(self, pictures: int, half_life: float) -> None:
        """Move toward the current weights.

        pictures: seen since the last update; half_life: pictures after which half is forgotten.
        """
        torch._foreach_lerp_(  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage] - one kernel; torch's own swa_utils do so
            self._average, self._current, 1.0 - 0.5 ** (pictures / half_life)
        )


def rate_at(progress: float, warm_up: float, lr: float, final_lr: float, hold: float) -> float:
    """The learning rate: rising evenly, constant, then down to its end exponentially.

    progress: 0..1 of this run, of which `warm_up` rises and all before `hold` does not fall.
    A run that starts with fresh moments must rise: the first steps of Adam are full steps in the
    direction of one batch.
    """
    rising = min(1.0, progress / warm_up) if warm_up else 1.0
    falling = max(0.0, progress - hold) / max(1e-9, 1 - hold)
    return lr * rising * (final_lr / lr) ** falling


def requires_grad(networks: Iterable[nn.Module], *, wanted: bool) -> None:
    """Switch gradients of whole networks on or off."""
    for network in networks:
        network.requires_grad_(wanted)
