"""The blends that make an edit: two faces' modulation maps mixed by a mask.

Pure functions on tensors of any device and floating type; every argument is left as it was.
Masks are 0..1, 1 = edit, [B, 1, H, W] at the size of the crop, with strength already in them.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def mask_at(mask: Tensor, side: int, *, hard: bool = False) -> Tensor:
    """Bring a crop's mask down to the cells of a map.

    Soft, a cell gets the average of the mask over it. Hard, it gets the largest weight in it, so
    of a mask of zeros and ones every cell that the mask touches is taken whole.
    Shapes: mask [B, 1, H, H], H = k * side; returns [B, 1, side, side].
    Raises: ValueError if the mask does not tile the map.
    Source: hard cells, StyleMapGAN (arXiv 2104.14754), section 3.3; soft ones are ours.
    """
    k, rest = divmod(mask.shape[-1], side)
    if rest or mask.shape[-2] != mask.shape[-1]:
        raise ValueError(f"mask {tuple(mask.shape)} does not tile a map of side {side}")
    if k == 1:
        return mask
    return F.max_pool2d(mask, k) if hard else F.avg_pool2d(mask, k)


def blend_maps(
    live: list[Tensor], reference: list[Tensor], mask: Tensor, *, hard: bool = False
) -> list[Tensor]:
    """Move the masked cells of the live maps toward the reference's, at every level.

    Shapes: live[l], reference[l] [B, C, h, h] (a batch of one spreads); mask [B, 1, H, H].
    Returns: live + mask * (reference - live), types and devices as `live`.
    Raises: ValueError if the mask does not tile a map, or the lists differ in length.
    Source: StyleMapGAN (arXiv 2104.14754), section 3.3, in the extended latent space (w+).
    """
    sides = dict.fromkeys(a.shape[-1] for a in live)  # each once, in order
    weights = {side: mask_at(mask, side, hard=hard) for side in sides}
    return [
        torch.lerp(a, b, weights[a.shape[-1]].to(a))  # [B, 1, h, h] spreads over C
        for a, b in zip(live, reference, strict=True)
    ]
