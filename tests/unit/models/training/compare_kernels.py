"""Compare `models.training.kernels` with `models.networks`; prints a line for each comparison."""

from __future__ import annotations

import sys
from collections.abc import Callable

import torch
from torch import Tensor

from models import networks
from models.training.kernels import KERNELS


def picture(batch: int, channels: int, side: int) -> Tensor:
    """Random, channels last, asking for a gradient."""
    x = torch.randn(batch, channels, side, side).to(memory_format=torch.channels_last)
    return x.requires_grad_()


def bias(channels: int) -> Tensor:
    """Random, asking for a gradient."""
    return torch.randn(channels).requires_grad_()


def results(
    function: Callable[..., Tensor], inputs: list[Tensor], **options: float
) -> list[Tensor]:
    """What a function gives, and its gradients by all inputs along a fixed direction."""
    y = function(*inputs, **options)
    torch.manual_seed(1)
    return [y.detach(), *torch.autograd.grad(y, inputs, torch.randn(y.shape))]


def second_results(
    function: Callable[..., Tensor], inputs: list[Tensor], **options: float
) -> list[Tensor]:
    """The gradient of a gradient's square by the direction that it was taken along."""
    y = function(*inputs, **options)
    torch.manual_seed(1)
    direction = torch.randn(y.shape).requires_grad_()
    slopes = torch.autograd.grad(y, inputs, direction, create_graph=True)
    total = torch.stack([slope.square().sum() for slope in slopes]).sum()
    return list(torch.autograd.grad(total, [direction]))


CASES: list[tuple[str, list[Tensor], dict[str, float]]] = [
    ("activate_biased", [picture(2, 64, 9), bias(64)], {}),
    ("activate_biased", [picture(3, 3, 8), bias(3)], {}),
    ("join", [picture(2, 20, 8), picture(2, 20, 8)], {}),
    ("modulate", [picture(2, 64, 12), picture(2, 128, 12), bias(128)], {}),
    ("modulate", [picture(3, 5, 7), picture(3, 10, 7), bias(10)], {}),
    ("blur", [picture(2, 6, 9)], {"pad": 1, "gain": 4.0}),
    ("blur", [picture(2, 6, 40)], {"pad": 2}),
    ("blur", [picture(2, 6, 8)], {"pad": 1, "stride": 2}),
    ("upsample", [picture(2, 6, 5)], {}),
    ("upsample", [picture(1, 70, 20)], {}),
]

torch.manual_seed(0)
failed = False
for name, inputs, options in CASES:
    plain = results(getattr(networks, name), inputs, **options)
    kernel = results(KERNELS[name], inputs, **options)
    if name != "modulate":  # which has no second derivative
        plain += second_results(getattr(networks, name), inputs, **options)
        kernel += second_results(KERNELS[name], inputs, **options)
    worst = max(float((p - k).abs().max()) for p, k in zip(plain, kernel, strict=True))
    good = all(
        p.shape == k.shape for p, k in zip(plain, kernel, strict=True)
    ) and worst < 1e-5 * float(max(p.abs().max() for p in plain))
    failed |= not good
    print(name, [tuple(t.shape) for t in inputs], "agrees" if good else "differs", f"{worst:.1e}")
sys.exit(failed)
