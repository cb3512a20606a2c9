"""How near a picture is to another: mean squared error, PSNR, SSIM.

Pictures are RGB [B, 3, H, W] in -1..1, a range of 2.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

_RANGE = 2.0
_LEAST_MSE = 1e-10  # equal pictures count as 106 dB, so that a mean stays finite

# SSIM's window and constants, as in its source, section III.B.
_WINDOW_SIDE, _WINDOW_SIGMA = 11, 1.5
_C1, _C2 = (0.01 * _RANGE) ** 2, (0.03 * _RANGE) ** 2


def mse(a: Tensor, b: Tensor) -> Tensor:
    """Mean squared error of each picture, [B]."""
    return (a - b).square().mean((1, 2, 3))


def psnr(a: Tensor, b: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of each picture in dB, [B]: 10 log10(4 / mse)."""
    return 10 * torch.log10(_RANGE**2 / mse(a, b).clamp_min(_LEAST_MSE))


def ssim(a: Tensor, b: Tensor) -> Tensor:
    """Structural similarity of each picture, [B], 1 for equal ones; mean over the channels.

    Only places whose whole window lies inside the picture count.
    Source: Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment: from error visibility to
    structural similarity", IEEE TIP 13(4), 2004: 11x11 Gaussian of sigma 1.5, K1 0.01, K2 0.03.
    """
    mean_a, mean_b = _window_mean(a), _window_mean(b)
    variance_a = _window_mean(a * a) - mean_a.square()
    variance_b = _window_mean(b * b) - mean_b.square()
    covariance = _window_mean(a * b) - mean_a * mean_b
    luminance = (2 * mean_a * mean_b + _C1) / (mean_a.square() + mean_b.square() + _C1)
    structure = (2 * covariance + _C2) / (variance_a + variance_b + _C2)
    return (luminance * structure).mean((1, 2, 3))


def weighted_mse(a: Tensor, b: Tensor, weight: Tensor) -> Tensor:
    """Mean squared error of each picture where the weight [B, 1, H, W] is, [B]."""
    error = ((a - b).square().mean(1, keepdim=True) * weight).sum((1, 2, 3))
    return error / weight.sum((1, 2, 3)).clamp_min(1e-6)


def _window_mean(x: Tensor) -> Tensor:
    """Gaussian mean around each place, [B, 3, H - 10, W - 10]."""
    steps = torch.arange(_WINDOW_SIDE, device=x.device, dtype=x.dtype) - _WINDOW_SIDE // 2
    kernel = torch.exp(-0.5 * (steps / _WINDOW_SIGMA).square())
    kernel = (kernel / kernel.sum()).view(1, 1, 1, -1).expand(x.shape[1], 1, 1, -1)
    x = F.conv2d(x, kernel, groups=x.shape[1])
    return F.conv2d(x, kernel.mT, groups=x.shape[1])
