"""Soft masks of parts of many faces at once, drawn from their landmarks on any device.

The live program draws its masks one face at a time with OpenCV (`vcam.regions.masks`); these are
for batches on a GPU, and random: a network that has seen regions of every size and softness makes
no seam at the one that a user paints.
"""

from __future__ import annotations

import random
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from models import mesh
from models.training.shards import SIDE

_DRAWN_SIDE = 128  # masks are soft: half the side is enough to draw them


class RegionForm(NamedTuple):
    """How often a region is drawn, and how it is grown about each contour's centre."""

    contours: tuple[tuple[int, ...], ...]
    share: float
    growth: tuple[float, float]  # least and most


def _with_brow(eye: tuple[int, ...], brow: tuple[int, ...]) -> tuple[int, ...]:
    """The eye's lower lid from outer to inner corner, back along the brow's upper edge."""
    return eye[: len(eye) // 2 + 1] + brow[len(brow) // 2 - 1 :: -1]


REGIONS: dict[str, RegionForm] = {
    "face": RegionForm((mesh.OVAL,), 0.38, (0.85, 1.08)),
    "eyes": RegionForm((mesh.RIGHT_EYE, mesh.LEFT_EYE), 0.14, (1.3, 2.2)),
    "mouth": RegionForm((mesh.LIPS,), 0.14, (1.1, 1.6)),
    "nose": RegionForm((mesh.NOSE,), 0.10, (1.0, 1.3)),
    "brows": RegionForm((mesh.RIGHT_BROW, mesh.LEFT_BROW), 0.07, (1.2, 1.8)),
    "eyes and brows": RegionForm(
        (
            _with_brow(mesh.RIGHT_EYE, mesh.RIGHT_BROW),
            _with_brow(mesh.LEFT_EYE, mesh.LEFT_BROW),
        ),
        0.08,
        (1.1, 1.4),
    ),
    "mouth and nose": RegionForm((mesh.LIPS, mesh.NOSE), 0.05, (1.1, 1.4)),
    "box": RegionForm((), 0.04, (1.0, 1.0)),  # what a user might paint
}

_SOFTNESS_PX = (1.5, 7.0)
_WIDER_PX, _WIDER_SOFTNESS_PX = 9, 4.0


def random_masks(landmarks: Tensor, choice: random.Random) -> Tensor:
    """One region for the whole batch, its size each face's own, its softness common.

    Shapes: landmarks [B, 478, 2], crop pixels; returns [B, 1, 256, 256], 0..1.
    """
    shares = [form.share for form in REGIONS.values()]
    (name,) = choice.choices(list(REGIONS), shares)
    least, most = REGIONS[name].growth
    growth = least + (most - least) * torch.rand(len(landmarks), 1, 1, device=landmarks.device)
    return region_masks(landmarks, name, growth, choice.uniform(*_SOFTNESS_PX))


def region_masks(
    landmarks: Tensor, region: str, growth: Tensor | float, softness_px: float
) -> Tensor:
    """Masks of one region.

    Shapes: landmarks [B, 478, 2], crop pixels; growth a number or [B, 1, 1], the contour's size
    over the landmarks'; returns [B, 1, 256, 256], 0..1, 1 = edit.
    """
    if region == "box":
        contours = [_random_boxes(len(landmarks), landmarks.device)]
    else:
        contours = [grown(landmarks[:, list(c)], growth) for c in REGIONS[region].contours]
    mask = torch.zeros(len(landmarks), 1, _DRAWN_SIDE, _DRAWN_SIDE, device=landmarks.device)
    for contour in contours:
        mask = torch.maximum(mask, fill_polygons(contour, _DRAWN_SIDE))
    mask = F.interpolate(mask, size=(SIDE, SIDE), mode="bilinear", align_corners=False)
    return soften(mask, softness_px)


def fill_polygons(points: Tensor, side: int) -> Tensor:
    """Polygons filled by the crossing number of each cell's centre.

    Shapes: points [B, V, 2], crop pixels, closed; returns [B, 1, side, side] of 0 and 1.
    """
    line = (torch.arange(side, device=points.device) + 0.5) * (SIDE / side) - 0.5
    x, y = line.view(1, 1, 1, -1), line.view(1, 1, -1, 1)
    following = points.roll(-1, dims=1)
    (ax, ay), (bx, by) = (p[..., None, None].unbind(2) for p in (points, following))
    spans = (ay > y) != (by > y)  # [B, V, side, 1]
    height = by - ay
    height = torch.where(height.abs() < 1e-6, torch.full_like(height, 1e-6), height)
    crossing = ax + (y - ay) / height * (bx - ax)
    odd = (spans & (crossing < x)).sum(1, keepdim=True) % 2  # [B, 1, side, side]
    return odd.to(points.dtype)


def widen_mask(mask: Tensor) -> Tensor:
    """Where the composite shows an edit's correction: a little wider and softer than its mask.

    Shapes: [B, 1, H, W], 0..1.
    """
    return soften(F.max_pool2d(mask, _WIDER_PX, 1, _WIDER_PX // 2), _WIDER_SOFTNESS_PX)


def soften(mask: Tensor, sigma_px: float) -> Tensor:
    """Gaussian blur of masks [B, 1, H, W]; their edge is repeated beyond the border."""
    reach = max(1, round(3 * sigma_px))
    steps = torch.arange(-reach, reach + 1, device=mask.device, dtype=mask.dtype)
    kernel = torch.exp(-0.5 * (steps / sigma_px).square())
    kernel = (kernel / kernel.sum()).view(1, 1, 1, -1)
    mask = F.conv2d(F.pad(mask, (reach, reach, 0, 0), mode="replicate"), kernel)
    return F.conv2d(F.pad(mask, (0, 0, reach, reach), mode="replicate"), kernel.mT)


def grown(contour: Tensor, growth: Tensor | float) -> Tensor:
    """A contour [B, V, 2] enlarged about its points' mean."""
    centre = contour.mean(1, keepdim=True)
    return centre + (contour - centre) * growth


def _random_boxes(count: int, device: torch.device) -> Tensor:
    """[count, 4, 2]: 15 to 50 % of the crop wide and high, about its middle."""
    corner = (torch.rand(count, 2, device=device) * 0.5 + 0.1) * SIDE
    far = corner + (torch.rand(count, 2, device=device) * 0.35 + 0.15) * SIDE
    (x0, y0), (x1, y1) = corner.unbind(1), far.unbind(1)
    corners = [torch.stack(c, -1) for c in ((x0, y0), (x1, y0), (x1, y1), (x0, y1))]
    return torch.stack(corners, 1)
