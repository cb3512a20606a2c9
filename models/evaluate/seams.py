"""Whether an edit's border shows: jumps of the picture's slope across the mask's edge.

An eye finds a border where brightness bends along a line. So the measure goes across the edge at
each of its points, on the mean of a few pixels along it (texture averages out, a line does not),
and takes the largest change of slope in reach. Faces have lines of their own there (a jaw, a lid):
the figure of the unedited face stands beside the edit's.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from models.evaluate.pictures import LEVELS_A_UNIT, to_bytes, to_tensor
from models.training.regions import soften

_SLOPE_PX = 4.0  # each slope is taken over so far
_REACH_PX = 8  # both ways from the edge: what a soft mask's transition spans
_ALONG_PX = 4  # both ways along the edge, averaged


def seam_step(picture: Tensor, mask: Tensor) -> Tensor:
    """Largest jump of the normal derivative near the mask's edge, mean over the edge.

    A bend between two slopes gives their difference, a hard step of height H gives H / 4.
    Shapes: picture [1, 3, H, W], -1..1; mask [1, 1, H, W]; the edge is where it crosses 0.5.
    Returns: grey levels of 255 a pixel, a scalar; 0 if the mask has no edge.
    """
    return _mean_of_largest(_jumps(picture, mask).mean(-1))


def seam_excess(picture: Tensor, parts: Sequence[Tensor], mask: Tensor) -> Tensor:
    """Of the jumps near the mask's edge, what none of the pictures it was made of has there.

    A line that comes from the face or from the reference is not counted, a line that only the
    joining made is. Shapes and returns as `seam_step`; parts [1, 3, H, W] each.
    """
    own = torch.stack([_jumps(part, mask).mean(-1) for part in parts]).amax(0)
    return _mean_of_largest((_jumps(picture, mask).mean(-1) - own).clamp_min(0.0))


def _jumps(picture: Tensor, mask: Tensor) -> Tensor:
    """Change of the normal derivative across the edge, [edge points, places across, channels].

    At an edge point with unit normal n, P(s) is the picture along n, averaged along the edge, and
    the jump at s is |P(s + h) - 2 P(s) + P(s - h)| / h with h = 4 px, for |s| up to 8 px.
    """
    points, normals = edge_normals(mask)
    along = torch.arange(-_ALONG_PX, _ALONG_PX + 1, device=mask.device).view(1, 1, -1, 1)
    across = torch.arange(-_REACH_PX, _REACH_PX + 1, device=mask.device).view(1, -1, 1, 1)
    tangents = torch.stack((-normals[:, 1], normals[:, 0]), -1)[:, None, None]
    normals, points = normals[:, None, None], points[:, None, None]

    def profile(offset_px: float) -> Tensor:
        at = points + (across + offset_px) * normals + along * tangents
        return _sample(picture, at).mean(2)

    return (profile(_SLOPE_PX) - 2 * profile(0.0) + profile(-_SLOPE_PX)).abs() / _SLOPE_PX


def _mean_of_largest(jumps: Tensor) -> Tensor:
    """Largest across, mean over the edge: [K, S] => grey levels a pixel."""
    if not len(jumps):
        return jumps.new_zeros(())
    return jumps.amax(1).mean() * LEVELS_A_UNIT


def edge_normals(mask: Tensor) -> tuple[Tensor, Tensor]:
    """Where a mask crosses 0.5, and which way it falls there.

    Shapes: mask [1, 1, H, W]; returns points [K, 2], (x, y) in pixels, and unit normals [K, 2].
    """
    inside = mask[0, 0] >= 0.5
    edge = torch.zeros_like(inside)
    edge[:, :-1] |= inside[:, :-1] != inside[:, 1:]
    edge[:-1] |= inside[:-1] != inside[1:]
    smooth = soften(mask, 1.0)[0, 0]
    fall_y, fall_x = torch.gradient(smooth)
    y, x = torch.nonzero(edge, as_tuple=True)
    normals = -torch.stack((fall_x[y, x], fall_y[y, x]), -1)
    length = normals.norm(dim=1)
    known = length > 1e-6
    points = torch.stack((x, y), -1)[known].to(mask.dtype)
    return points, normals[known] / length[known, None]


def poisson_paste(x: Tensor, warped: Tensor, mask: Tensor) -> Tensor:
    """Paste by solving for the colours whose gradients are the reference's: what peers do.

    Shapes: x, warped [1, 3, H, W], -1..1; mask [1, 1, H, W], cut at 0.5. Returns: as x.
    Source: Perez, Gangnet, Blake, "Poisson image editing", SIGGRAPH 2003, as OpenCV has it.
    """
    inside = (mask[0, 0] >= 0.5).cpu().numpy().astype(np.uint8) * 255
    inside[[0, -1]] = inside[:, [0, -1]] = 0  # its border belongs to the face
    left, top, width, height = cv2.boundingRect(inside)
    if not width:
        return x
    centre = (left + width // 2, top + height // 2)
    source, goal = to_bytes(warped)[0], to_bytes(x)[0]
    pasted = cv2.seamlessClone(source, goal, inside, centre, cv2.NORMAL_CLONE)
    return to_tensor(np.asarray(pasted, np.uint8)[None], x.device)


def _sample(picture: Tensor, at: Tensor) -> Tensor:
    """The picture at points [K, S, T, 2] in pixels, [K, S, T, 3]; its border is held."""
    height, width = picture.shape[-2:]
    size = torch.tensor((width, height), device=at.device, dtype=at.dtype)
    grid = ((at + 0.5) * 2 / size - 1).flatten(1, 2)[None]
    values = F.grid_sample(picture, grid, "bilinear", "border", align_corners=False)
    return values[0].permute(1, 2, 0).view(*at.shape[:3], 3)
