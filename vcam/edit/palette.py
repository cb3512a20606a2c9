"""Brings a reference's colours to the user's palette.

Colours are compared as logarithms: skin under another light, or of another tone, is the same
picture times a factor, so a shift of logarithms keeps dark things dark (brows, nostrils) where a
shift of the values themselves would stain them. Lightness and two opponent colours are treated
apart, so that contrast is matched in lightness alone.
Source: Reinhard, Ashikhmin, Gooch, Shirley, "Color Transfer between Images", 2001; our axes are
fixed and orthonormal, statistics are taken on skin only, and the contrast's change is bounded.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from vcam.edit.constants import CONTRAST_BOUNDS, LOG_FLOOR, PALETTE_AXES


def to_log(picture: Tensor) -> Tensor:
    """Colours 0..1 to logarithms, [1, 3, h, w]."""
    return torch.log(picture + LOG_FLOOR)


def from_log(picture: Tensor) -> Tensor:
    """The inverse of `to_log`, clipped to 0..1."""
    return torch.exp(picture).sub_(LOG_FLOOR).clamp_(0.0, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class PaletteMap:
    """An affine map of log colours: matrix [3, 3], offset [3, 1]."""

    matrix: Tensor
    offset: Tensor

    def __call__(self, reference: Tensor) -> Tensor:
        """Log colours of the reference to colours 0..1 in the user's palette, [1, 3, h, w]."""
        flat = reference[0].flatten(1)  # [3, h * w]
        return from_log(torch.addmm(self.offset, self.matrix, flat).view_as(reference))


class Palettes:
    """Finds palette maps; holds its constants on the device, so that no frame sends them."""

    def __init__(self, device: torch.device) -> None:
        axes = torch.tensor(PALETTE_AXES, device=device)
        self._axes = axes / axes.norm(dim=1, keepdim=True)  # lightness, then two opponent colours
        self._lowest, self._highest = torch.tensor(CONTRAST_BOUNDS, device=device)

    def between(self, reference: Tensor, user: Tensor, skin: Tensor, tone: Tensor) -> PaletteMap:
        """The map that gives a reference the user's palette.

        Shapes: reference, user [1, 3, h, w], log colours, the reference already warped onto the
        user; skin [1, 1, h, w], weights.
        tone: one number; 0 all the way to the user's palette, 1 leaves the reference's.
        """
        weights = skin.flatten() / skin.sum().clamp_min(1.0)
        # Opponent colours of both, [2, 3, h * w], and their weighted means and deviations.
        opponent = self._axes @ torch.cat((reference, user)).flatten(2)
        means = opponent @ weights
        variances = (opponent - means[..., None]).square_() @ weights
        mean_r, mean_u = means
        deviation_r, deviation_u = variances.clamp_min_(0.0).sqrt_()
        contrast = deviation_u / deviation_r.clamp_min(1e-3)
        contrast = torch.maximum(torch.minimum(contrast, self._highest), self._lowest)
        scale = contrast ** (1.0 - tone)
        goal = torch.lerp(mean_u, mean_r, tone)
        matrix = self._axes.T @ (scale[:, None] * self._axes)
        return PaletteMap(matrix, (self._axes.T @ (goal - scale * mean_r))[:, None])
