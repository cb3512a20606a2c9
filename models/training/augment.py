"""Changes that make few faces many: expressions, poses of the crop, light and colour.

Portraits smile mildly into even light. A network that has seen no more than them gives a grimace
back as a mild expression and a dim room as a lit one, so faces are warped toward other faces'
expressions and beyond their own, and lit anew. The landmarks follow.
"""

from __future__ import annotations

import math
import random

import torch
from torch import Tensor

from models import mesh
from models.training.shards import SIDE
from models.training.warping import warp_to

WARPED_SHARE = 0.4  # of a batch
LIT_SHARE = 0.4

_PARTS = {
    "mouth": (mesh.LIPS + mesh.MOUTH_OPENING, 0.4),
    "eyes": (mesh.RIGHT_EYE + mesh.LEFT_EYE + mesh.RIGHT_BROW + mesh.LEFT_BROW, 0.35),
    "all": (tuple(range(468)), 0.25),
}
_REACH_PX = 14.0  # how far from a part's points its change is still felt
_MOST_OF_OTHERS, _MOST_BEYOND = 0.7, 0.8
_MOST_PX = 9.0  # along each axis: a turned head is far from the mean, and is no expression
_TURN_RAD, _LOG_SCALE, _SHIFT_PX = math.radians(8), 0.09, 7.0


@torch.no_grad()
def augment(faces: Tensor, landmarks: Tensor, choice: random.Random) -> tuple[Tensor, Tensor]:
    """Mirror, warp and light a batch anew, each picture in its own way.

    Shapes: faces [B, 3, 256, 256], -1..1; landmarks [B, 478, 2], crop pixels.
    Returns: both, changed; the mesh's left and right keep their names in a mirrored face, which
    is consistent as the whole batch is mirrored or none of it.
    """
    if choice.random() < 0.5:
        x, y = landmarks.unbind(-1)
        faces, landmarks = faces.flip(3), torch.stack((SIDE - 1 - x, y), -1)
    warped = round(WARPED_SHARE * len(faces))
    if warped:
        goal = _moved(_expressions(landmarks, choice)[:warped])
        bent = warp_to(faces[:warped], landmarks[:warped], goal)
        faces = torch.cat((bent, faces[warped:]))
        landmarks = torch.cat((goal, landmarks[warped:]))
    order = torch.randperm(len(faces), device=faces.device)  # who is lit is not who is warped
    faces, landmarks = faces[order], landmarks[order]
    lit = round(LIT_SHARE * len(faces))
    faces[:lit] = light_anew(faces[:lit])
    order = torch.randperm(len(faces), device=faces.device)
    return faces[order], landmarks[order]


def _expressions(landmarks: Tensor, choice: random.Random) -> Tensor:
    """Landmarks with a part moved toward another face's, or further from the batch's mean."""
    points, _ = _PARTS[choice.choices(list(_PARTS), [share for _, share in _PARTS.values()])[0]]
    device, count = landmarks.device, len(landmarks)
    mean = landmarks.mean(0, keepdim=True)
    part = mean[:, list(points)]
    distance = torch.cdist(mean, part).amin(-1)  # [1, 478]
    felt = torch.exp(-0.5 * (distance / _REACH_PX).square())[..., None]
    others = landmarks.roll(choice.randrange(1, max(2, count)), dims=0) - landmarks
    beyond = landmarks - mean
    toward = torch.rand(count, 1, 1, device=device) * _MOST_OF_OTHERS
    away = torch.rand(count, 1, 1, device=device) * _MOST_BEYOND
    is_own = torch.rand(count, 1, 1, device=device) < 0.5
    change = torch.where(is_own, away * beyond, toward * others)
    return landmarks + felt * change.clamp(-_MOST_PX, _MOST_PX)


def _moved(landmarks: Tensor) -> Tensor:
    """Turned, scaled and shifted a little, as a tracker's crop is."""
    count, device = len(landmarks), landmarks.device
    angle = (torch.rand(count, 1, device=device) * 2 - 1) * _TURN_RAD
    scale = torch.exp((torch.rand(count, 1, device=device) * 2 - 1) * _LOG_SCALE)
    shift = (torch.rand(count, 1, 2, device=device) * 2 - 1) * _SHIFT_PX
    middle = (SIDE - 1) / 2
    x, y = (landmarks - middle).unbind(-1)
    cosine, sine = scale * torch.cos(angle), scale * torch.sin(angle)
    return torch.stack((cosine * x - sine * y, sine * x + cosine * y), -1) + middle + shift


def light_anew(faces: Tensor) -> Tensor:
    """Another exposure, white balance and contrast, and light that falls in from a side.

    Shapes: [B, 3, H, W], -1..1.
    """
    count, device = len(faces), faces.device
    normal = torch.randn(count, 8, device=device)
    exposure = torch.exp(0.22 * normal[:, :1] - 0.06)  # more often darker than brighter
    gains = (exposure * torch.exp(0.05 * normal[:, 1:4])).view(count, 3, 1, 1)
    gamma = torch.exp(0.12 * normal[:, 4]).view(count, 1, 1, 1)
    line = torch.linspace(-1, 1, faces.shape[-1], device=device)
    across = (0.12 * normal[:, 5]).view(-1, 1, 1, 1) * line.view(1, 1, 1, -1)
    down = (0.08 * normal[:, 6]).view(-1, 1, 1, 1) * line.view(1, 1, -1, 1)
    light = torch.exp(across + down) * gains
    picture = ((faces + 1) / 2).clamp_min(1e-4) ** gamma
    return (picture * light).clamp(0, 1) * 2 - 1
