"""How well a network edits: pairs of faces, the product's equation at crop size, its errors.

Face i gets a region of face i + 1, by the `follow` edit with strength and detail 1. The regions
come in turn, pair by pair, so every network sees the same pairs:

    r'      face i + 1, warped onto i's landmarks, brought to i's palette
    p       lerp(x, r', m); eye openings and the mouth's interior are never in m
    result  B + m~ c, B = p, c = y1 - lerp(y0, yp, m); m~ a little wider and softer than m

This is the live edit (docs/architecture.md) but for B, which the program forms in the frame's own,
finer pixels, and for what it does to parts that are closed here and open there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from models import mesh
from models.evaluate.candidates import Candidate
from models.evaluate.likeness import weighted_mse
from models.evaluate.palette import skin_mask, to_palette
from models.evaluate.pictures import to_tensor
from models.evaluate.seams import poisson_paste, seam_excess, seam_step
from models.training.regions import fill_polygons, region_masks, soften, widen_mask
from models.training.shards import SIDE, Faces
from models.training.warping import warp_to


class _Form(NamedTuple):
    """The live program's size and softness of a region."""

    growth: float
    softness_px: float


REGIONS = {
    "face": _Form(0.97, 5.0),
    "eyes": _Form(2.0, 4.0),
    "brows": _Form(1.5, 3.0),
    "nose": _Form(1.2, 4.0),
    "mouth": _Form(1.35, 4.0),
}
_OPENINGS = (mesh.RIGHT_EYE, mesh.LEFT_EYE, mesh.MOUTH_OPENING)
_OPENING_SOFTNESS_PX, _OPENING_GAIN = 1.5, 2.0
_BORDER_PX = 8.0  # m~ falls to 0 along the crop's border


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """One edit's inputs, a batch of one: pictures [1, 3, 256, 256] in -1..1, masks [1, 1, ...]."""

    region: str
    x: Tensor  # the face
    warped: Tensor  # r'
    mask: Tensor  # m
    paste: Tensor  # p


@dataclass(frozen=True, slots=True)
class EditFigures:
    """What one edit measured.

    mse_src, mse_ref: of the result, outside the mask (weight 1 - m) toward the face, inside it
    (weight m) toward the paste. network_mse_src, network_mse_ref: the same of y1, the network's
    picture alone, as papers report it. seam_step: of the result, of the face itself (what is there
    without any edit), of the plain feathered paste p and of a Poisson paste of r'. seam_excess: of
    the edit and the two pastes, beyond what face and warped reference have there.
    """

    region: str
    mse_src: float
    mse_ref: float
    network_mse_src: float
    network_mse_ref: float
    seam_step: dict[str, float]
    seam_excess: dict[str, float]


def make_pairs(faces: Faces, count: int, device: torch.device) -> Iterator[Pair]:
    """The first `count` faces, each with the next one's region; the last takes from the first."""
    names = list(REGIONS)
    for i in range(min(count, len(faces))):
        yield make_pair(faces, i, (i + 1) % len(faces), names[i % len(names)], device)


def make_pair(faces: Faces, face: int, reference: int, region: str, device: torch.device) -> Pair:
    """Paste one region of a face, by its number, into another."""
    both = [face, reference]
    x, other = to_tensor(faces.pictures[both], device).split(1)
    goal, come_from = torch.from_numpy(faces.landmarks[both]).float().to(device).split(1)
    warped = to_palette(warp_to(other, come_from, goal), x, skin_mask(goal))
    mask = region_mask(goal, region)
    return Pair(region, x, warped, mask, torch.lerp(x, warped, mask))


def region_mask(landmarks: Tensor, region: str) -> Tensor:
    """A region as the live program draws it, without eye openings and mouth interior.

    Shapes: landmarks [B, 478, 2], crop pixels; returns [B, 1, 256, 256], 0..1.
    """
    mask = region_masks(landmarks, region, *REGIONS[region])
    kept = torch.zeros_like(mask)
    for contour in _OPENINGS:
        kept = torch.maximum(kept, fill_polygons(landmarks[:, list(contour)], SIDE))
    kept = (soften(kept, _OPENING_SOFTNESS_PX) * _OPENING_GAIN).clamp_max(1.0)
    return mask * (1 - kept) * _border(mask.device)


def composite(paste: Tensor, change: Tensor, mask: Tensor) -> Tensor:
    """B + m~ c, clipped to -1..1; exactly `paste` where m~ is 0."""
    wide = widen_mask(mask) * _border(mask.device)
    return (paste + wide * change).clamp(-1, 1)


def edit_pair(candidate: Candidate, pair: Pair) -> Tensor:
    """The result of one edit."""
    change = candidate.edit(pair.x, pair.paste, pair.mask).correction
    return composite(pair.paste, change, pair.mask)


def measure_edit(candidate: Candidate, pair: Pair) -> tuple[EditFigures, Tensor]:
    """Edit one pair; its figures and the result."""
    made = candidate.edit(pair.x, pair.paste, pair.mask)
    result = composite(pair.paste, made.correction, pair.mask)
    network = made.after.clamp(-1, 1)
    joined = {
        "edit": result,
        "feathered_paste": pair.paste,
        "poisson_paste": poisson_paste(pair.x, pair.warped, pair.mask),
    }
    parts = (pair.x, pair.warped)
    outside = 1 - pair.mask
    return EditFigures(
        pair.region,
        mse_src=float(weighted_mse(result, pair.x, outside)),
        mse_ref=float(weighted_mse(result, pair.paste, pair.mask)),
        network_mse_src=float(weighted_mse(network, pair.x, outside)),
        network_mse_ref=float(weighted_mse(network, pair.paste, pair.mask)),
        seam_step={
            name: float(seam_step(picture, pair.mask))
            for name, picture in ({"face": pair.x} | joined).items()
        },
        seam_excess={
            name: float(seam_excess(picture, parts, pair.mask)) for name, picture in joined.items()
        },
    ), result


def _border(device: torch.device) -> Tensor:
    line = torch.arange(SIDE, device=device, dtype=torch.float32)
    line = (torch.minimum(line, line.flip(0)) / _BORDER_PX).clamp_max(1.0)
    return (line[:, None] * line)[None, None]
