"""Smooth warps of many pictures at once, through their landmarks, on any device.

Source: thin-plate splines (Duchon 1977; Bookstein 1989), slightly smoothed. The live program warps
one reference at a time (`vcam.regions.warp`) through the same points.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from models.mesh import WARP_POINTS
from models.training.shards import SIDE

_GRID_SIDE = 64  # the map is smooth: it is found here and enlarged
_SMOOTHING = 2e-3


def warp_to(pictures: Tensor, landmarks: Tensor, goal: Tensor) -> Tensor:
    """Warp pictures so that their landmarks fall on others.

    Shapes: pictures [B, C, 256, 256]; landmarks, goal [B, 478, 2], crop pixels. What lies beyond
    the pictures' border is mirrored.
    """
    flow = F.interpolate(
        thin_plate_grid(landmarks, goal), size=(SIDE, SIDE), mode="bicubic", align_corners=False
    )
    grid = flow.permute(0, 2, 3, 1)
    return F.grid_sample(pictures, grid, "bilinear", "reflection", align_corners=False)


def thin_plate_grid(landmarks: Tensor, goal: Tensor) -> Tensor:
    """Where each place of the warped picture comes from: [B, 2, 64, 64], torch's units."""
    points = list(WARP_POINTS)
    come_from, nodes = _in_units(landmarks[:, points]), _in_units(goal[:, points])
    batch, count, _ = nodes.shape

    # One linear system a face: the kernel's weights, then an affine part.
    system = nodes.new_zeros(batch, count + 3, count + 3)
    system[:, :count, :count] = _kernel(nodes, nodes)
    system[:, :count, :count] += _SMOOTHING * torch.eye(count, device=nodes.device)
    system[:, :count, count] = system[:, count, :count] = 1.0
    system[:, :count, count + 1 :] = nodes
    system[:, count + 1 :, :count] = nodes.mT
    values = nodes.new_zeros(batch, count + 3, 2)
    values[:, :count] = come_from
    weights, _ = torch.linalg.solve_ex(system, values)  # unchecked: a check would wait for the GPU

    line = (torch.arange(_GRID_SIDE, device=nodes.device) + 0.5) * (2 / _GRID_SIDE) - 1
    y, x = torch.meshgrid(line, line, indexing="ij")
    cells = torch.stack((x, y), -1).view(1, -1, 2).expand(batch, -1, -1)
    ones = cells.new_ones(batch, cells.shape[1], 1)
    basis = torch.cat((_kernel(cells, nodes), ones, cells), 2)
    return (basis @ weights).mT.reshape(batch, 2, _GRID_SIDE, _GRID_SIDE)


def _in_units(points: Tensor) -> Tensor:
    """Crop pixels to -1..1 from edge to edge."""
    return (points + 0.5) * (2 / SIDE) - 1


def _kernel(at: Tensor, nodes: Tensor) -> Tensor:
    """r^2 log r^2 between points and nodes, [B, len(at), len(nodes)]."""
    square = (at[:, :, None] - nodes[:, None]).square().sum(-1)
    return square * torch.log(square + 1e-6)
