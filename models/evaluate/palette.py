"""A reference's colours brought to a face's palette, as the live edit does at tone 0.

Skin's mean logarithm of colour becomes the face's, and its spread too, within bounds, along
lightness and two opponent colours. The why stands in `vcam/edit/palette.py`, which the numbers
here must agree with.
"""

from __future__ import annotations

import torch
from torch import Tensor

from models import mesh
from models.training.regions import fill_polygons, grown
from models.training.shards import SIDE

_LOG_FLOOR = 0.1
_AXES = ((1.0, 1.0, 1.0), (1.0, 0.0, -1.0), (1.0, -2.0, 1.0))  # lightness, two opponents; unit
_LEAST_CONTRAST, _MOST_CONTRAST = (0.5, 0.35, 0.35), (1.33, 1.0, 1.0)

_FACE_GROWTH, _FEATURE_GROWTH = 0.85, 1.3
_FEATURES = (mesh.RIGHT_EYE, mesh.LEFT_EYE, mesh.RIGHT_BROW, mesh.LEFT_BROW, mesh.LIPS)


def to_palette(reference: Tensor, face: Tensor, skin: Tensor) -> Tensor:
    """The reference, already warped onto the face, in the face's palette.

    Shapes: reference, face [1, 3, H, W], -1..1; skin [1, 1, H, W], where colours are compared.
    """
    axes = torch.tensor(_AXES, device=face.device)
    axes = axes / axes.norm(dim=1, keepdim=True)
    weights = skin.flatten() / skin.sum().clamp_min(1.0)
    come_from, goal = (axes @ _to_log(picture) for picture in (reference, face))  # [3, H * W]
    mean, deviation = _statistics(come_from, weights)
    goal_mean, goal_deviation = _statistics(goal, weights)
    contrast = goal_deviation / deviation.clamp_min(1e-3)
    least, most = (torch.tensor(c, device=face.device) for c in (_LEAST_CONTRAST, _MOST_CONTRAST))
    contrast = contrast.clamp(least, most)[:, None]
    logs = axes.T @ ((come_from - mean) * contrast + goal_mean)
    colours = (logs.exp() - _LOG_FLOOR).clamp(0, 1)
    return colours.view_as(face) * 2 - 1


def skin_mask(landmarks: Tensor) -> Tensor:
    """Where there is surely skin: inside the oval, off eyes, brows and lips.

    Shapes: landmarks [B, 478, 2], crop pixels; returns [B, 1, 256, 256] of 0 and 1.
    """
    skin = fill_polygons(grown(landmarks[:, list(mesh.OVAL)], _FACE_GROWTH), SIDE)
    for contour in _FEATURES:
        feature = grown(landmarks[:, list(contour)], _FEATURE_GROWTH)
        skin = skin * (1 - fill_polygons(feature, SIDE))
    return skin


def _to_log(picture: Tensor) -> Tensor:
    return torch.log((picture[0].flatten(1) + 1) / 2 + _LOG_FLOOR)


def _statistics(colours: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Weighted mean [3, 1] and deviation [3] of [3, H * W]."""
    mean = colours @ weights
    variance = (colours - mean[:, None]).square() @ weights
    return mean[:, None], variance.sqrt()
