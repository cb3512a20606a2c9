"""Likeness: the figures of pictures whose error is known."""

from __future__ import annotations

import pytest
import torch

from models.evaluate.likeness import mse, psnr, ssim, weighted_mse


def test_an_even_offset_has_the_psnr_of_the_formula() -> None:
    """0.2 off everywhere is an MSE of 0.04 and 10 log10(4 / 0.04) = 20 dB; each has its own."""
    x = torch.rand(2, 3, 16, 16) - 0.5
    off = x + torch.tensor((0.2, 0.02)).view(2, 1, 1, 1)
    assert mse(off, x).tolist() == pytest.approx([0.04, 0.0004], rel=1e-4)
    assert psnr(off, x).tolist() == pytest.approx([20.0, 40.0], abs=1e-3)


def test_equal_pictures_are_alike_by_all_measures() -> None:
    """Equal pictures have SSIM 1 and a finite, high PSNR."""
    x = torch.rand(2, 3, 32, 32) * 2 - 1
    assert ssim(x, x).tolist() == pytest.approx([1.0, 1.0], abs=1e-5)
    assert psnr(x, x).tolist() == pytest.approx([106.02, 106.02], abs=0.01)


def test_ssim_of_flat_pictures_is_its_luminance_term() -> None:
    """Between flat 0.4 and 0.8, SSIM is (2 * 0.32 + C1) / (0.16 + 0.64 + C1), C1 = 0.02^2."""
    a, b = torch.full((1, 3, 16, 16), 0.4), torch.full((1, 3, 16, 16), 0.8)
    assert ssim(a, b).item() == pytest.approx(0.6404 / 0.8004, rel=1e-4)


def test_ssim_of_a_negative_is_its_structure_term() -> None:
    """Against its negative a zero-mean pattern has SSIM (C2 - 2 v) / (C2 + 2 v) for variance v."""
    stripes = (torch.arange(64) % 2 * 2.0 - 1).expand(1, 3, 64, 64) * 0.5
    steps = torch.arange(11.0) - 5
    kernel = torch.exp(-0.5 * (steps / 1.5).square())
    mean = (kernel / kernel.sum() * ((-1.0) ** steps)).sum().item() * 0.5  # of a window, +-
    v, c2, c1 = 0.25 - mean**2, 0.06**2, 0.02**2
    expected = (c2 - 2 * v) / (c2 + 2 * v) * (c1 - 2 * mean**2) / (c1 + 2 * mean**2)
    assert ssim(stripes, -stripes).item() == pytest.approx(expected, rel=1e-3)


def test_a_weighted_error_counts_where_the_weight_is() -> None:
    """An error of 1 in one half and 0 in the other is 1, 0, or 1/4 by weights 1, 0 and 1 : 3."""
    a = torch.zeros(1, 3, 4, 4)
    a[..., :2] = 1.0
    left = torch.zeros(1, 1, 4, 4)
    left[..., :2] = 1.0
    b = torch.zeros_like(a)
    assert weighted_mse(a, b, left).item() == 1.0
    assert weighted_mse(a, b, 1 - left).item() == 0.0
    assert weighted_mse(a, b, left + 3 * (1 - left)).item() == pytest.approx(0.25)
