"""Reading pictures at computed places, and the grids that say where.

Convention: pictures are [1, C, H, W] float32, 0..1; points are (x, y) in pixels, pixel centres at
whole numbers; a sampling grid is [1, h, w, 2] in torch's units, -1..1 from edge to edge.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from vcam.edit.geometry import LEAST_MIP_PX, mip_level
from vcam.frame import Affine


def pixel_grid(height: int, width: int, matrix: Affine, device: torch.device) -> Tensor:
    """Where an affine map sends every pixel of a picture, [height, width, 2], in pixels."""
    (a, b, c), (d, e, f) = matrix.tolist()
    u = torch.arange(width, device=device, dtype=torch.float32)
    v = torch.arange(height, device=device, dtype=torch.float32)[:, None]
    return torch.stack((a * u + (b * v + c), d * u + (e * v + f)), -1)


def units(points: Tensor, width: int, height: int) -> Tensor:
    """Pixels [h, w, 2] of a picture to a sampling grid [1, h, w, 2]."""
    x, y = points.unbind(-1)
    x, y = (x + 0.5) * (2.0 / width) - 1.0, (y + 0.5) * (2.0 / height) - 1.0
    return torch.stack((x, y), -1)[None]


def sample(picture: Tensor, grid: Tensor, mode: str = "bilinear") -> Tensor:
    """The picture at the grid's places; its border is mirrored beyond its edges."""
    return F.grid_sample(picture, grid, mode, "reflection", align_corners=False)


def sample_or_zero(picture: Tensor, grid: Tensor, mode: str = "bilinear") -> Tensor:
    """The picture at the grid's places, exactly 0 outside it."""
    return F.grid_sample(picture, grid, mode, "zeros", align_corners=False)


def crop_of(box: Tensor, from_double_crop: Affine, side: int) -> Tensor:
    """The aligned crop of a box, [1, 3, side, side], 2 x 2 samples a pixel.

    from_double_crop: pixels of the crop at twice its side -> box pixels.
    """
    points = pixel_grid(2 * side, 2 * side, from_double_crop, box.device)
    return F.avg_pool2d(sample(box, units(points, box.shape[-1], box.shape[-2])), 2)


def frame_in_crop(box: Tensor, to_crop: Affine, side: int) -> Tensor:
    """Where the box's pixels lie in the crop, `side` wide, a sampling grid [1, h, w, 2]."""
    points = pixel_grid(box.shape[-2], box.shape[-1], to_crop, box.device)
    return units(points, side, side)


def resized(mask: Tensor, side: int) -> Tensor:
    """A square mask [1, 1, S, S] at another side: means of whole cells, or bilinear between."""
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

    def at(self, points: Tensor, step_px: float) -> Tensor:
        """The picture at points [h, w, 2] given in pixels of its full size.

        step_px: how far apart, in those pixels, neighbouring points lie; chooses the level whose
        pixels are no finer than is needed.
        """
        index = mip_level(step_px, len(self.levels))
        level = self.levels[index]
        points = (points + 0.5) * (0.5**index) - 0.5
        return sample(level, units(points, level.shape[-1], level.shape[-2]))
