"""What the `follow` edit shows the network, made of pairs of training faces.

The neighbour's face is warped onto a face, brought to its palette by a random amount and pasted
inside a random soft region. As in the product, the network's part is to turn such a paste into a
face without a seam.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import torch
from torch import Tensor

from models import mesh
from models.training.regions import fill_polygons, random_masks
from models.training.shards import SIDE
from models.training.warping import warp_to

_PLAIN_SHARE = 0.15  # of edits that mix two faces as published: no warp, no paste
_CONTRAST_BOUNDS = (0.6, 1.6)


@dataclass(frozen=True, slots=True, eq=False)
class Composites:
    """Inputs of edits.

    Shapes: paste [B, 3, 256, 256], -1..1, the face with another pasted in, or that other face
    whole where is_plain [B, 1, 1, 1]; mask [B, 1, 256, 256], 0..1.
    """

    paste: Tensor
    mask: Tensor
    is_plain: Tensor


@torch.no_grad()
def make_composites(faces: Tensor, landmarks: Tensor, choice: random.Random) -> Composites:
    """Paste each face's neighbour in the batch into it.

    Shapes: faces [B, 3, 256, 256], -1..1; landmarks [B, 478, 2], crop pixels.
    """
    others = faces.roll(1, dims=0)
    warped = warp_to(others, landmarks.roll(1, dims=0), landmarks)
    oval = fill_polygons(landmarks[:, list(mesh.OVAL)], SIDE // 2)
    oval = oval.repeat_interleave(2, 2).repeat_interleave(2, 3)
    tone = torch.rand(len(faces), 1, 1, 1, device=faces.device).square()  # mostly the face's own
    warped = torch.lerp(recolour(warped, faces, oval), warped, tone)
    mask = random_masks(landmarks, choice)
    is_plain = torch.rand(len(faces), 1, 1, 1, device=faces.device) < _PLAIN_SHARE
    return Composites(
        torch.where(is_plain, others, torch.lerp(faces, warped, mask)), mask, is_plain
    )


def recolour(pictures: Tensor, like: Tensor, inside: Tensor) -> Tensor:
    """Give pictures the mean and deviation of others, channel by channel, as seen in a mask.

    Not the product's palette, which `models.evaluate.palette` repeats: each channel by itself, and
    what comes out is mixed with the other face's own colours at random.
    Shapes: pictures, like [B, 3, H, W], -1..1; inside [B, 1, H, W].
    """
    mean, deviation = _statistics(pictures, inside)
    goal, goal_deviation = _statistics(like, inside)
    contrast = (goal_deviation / deviation).clamp(*_CONTRAST_BOUNDS)
    return ((pictures - mean) * contrast + goal).clamp(-1, 1)


def _statistics(pictures: Tensor, inside: Tensor) -> tuple[Tensor, Tensor]:
    weights = inside / inside.sum((2, 3), keepdim=True).clamp_min(1.0)
    mean = (pictures * weights).sum((2, 3), keepdim=True)
    variance = ((pictures - mean).square() * weights).sum((2, 3), keepdim=True)
    return mean, (variance + 1e-3).sqrt()
