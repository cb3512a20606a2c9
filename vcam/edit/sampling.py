"""Reading pictures at computed places, and the grids that say where.

Convention: pictures are [1, C, H, W] float32, 0..1; points are (x, y) in pixels, pixel centres at
whole numbers; a sampling grid is [1, h, w, 2] in torch's units, -1..1 from edge to edge.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from vcam.edit.geometry import LEAST_MIP_PX, grid_lines, mip_level
from vcam.frame import Affine


@dataclass(frozen=True, slots=True, eq=False)
class Grids:
    """Where crop and box lie in one another: two sampling grids.

    crop_in_box: [1, 2 S, 2 S, 2], the crop at twice its side. box_in_crop: [1, h, w, 2].
    """

    crop_in_box: Tensor
    box_in_crop: Tensor


def grid_of(columns: Tensor, rows: Tensor) -> Tensor:
    """The sampling grid [1, h, w, 2] of `geometry.grid_lines`."""
    return (columns + rows[:, None])[None]


def sample(picture: Tensor, grid: Tensor) -> Tensor:
    """The picture at the grid's places; its border is mirrored beyond its edges."""
    return F.grid_sample(picture, grid, "bilinear", "reflection", align_corners=False)


def sample_or_zero(picture: Tensor, grid: Tensor) -> Tensor:
    """The picture at the grid's places, exactly 0 outside it."""
    return F.grid_sample(picture, grid, "bilinear", "zeros", align_corners=False)


def crop_of(picture: Tensor, from_double_crop: Affine, side: int) -> Tensor:
    """The aligned crop of a picture, [1, 3, side, side], 2 x 2 samples a pixel.

    from_double_crop: pixels of the crop at twice its side -> the picture's.
    """
    into = picture.shape[-1], picture.shape[-2]
    lines = grid_lines(from_double_crop, 2 * side, 2 * side, into)
    columns, rows = (torch.from_numpy(line).to(picture.device) for line in lines)
    return F.avg_pool2d(sample(picture, grid_of(columns, rows)), 2)


def resized(mask: Tensor, side: int) -> Tensor:
    """Square masks [N, 1, S, S] at another side: means of whole cells, or bilinear between."""
    if mask.shape[-1] == side:
        return mask
    if mask.shape[-1] > side:
        return F.adaptive_avg_pool2d(mask, side)
    return F.interpolate(mask, size=(side, side), mode="bilinear", align_corners=False)


class MipPicture:
    """A picture in halving sizes, so that it can be shrunk without shimmering.

    Shapes: picture [1, C, H, W].
    """

    def __init__(self, picture: Tensor) -> None:
        self.levels = [picture]
        while min(picture.shape[-2:]) >= LEAST_MIP_PX:
            height, width = (side // 2 * 2 for side in picture.shape[-2:])
            picture = F.avg_pool2d(picture[..., :height, :width], 2)
            self.levels.append(picture)

    def level(self, step_px: float) -> int:
        """The level whose pixels are no finer than is needed for points so far apart."""
        return mip_level(step_px, len(self.levels))

    def in_units(self, points: NDArray[np.float32], level: int) -> NDArray[np.float32]:
        """Points [G, G, 2] in pixels of the full size, as a sampling grid of a level, [2, G, G]."""
        height, width = self.levels[level].shape[-2:]
        scale = 2.0 * 0.5**level / np.array((width, height))
        return ((points + 0.5) * scale - 1.0).transpose(2, 0, 1).astype(np.float32)
