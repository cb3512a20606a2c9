"""The `follow` edit: the reference's features on the user's living face.

The equation, for one layer with mask m, strength t and detail d; x is the crop, r' the reference
warped onto it in the user's palette, E, R, S the network's encoder, resizer and synthesis:

    p = lerp(x, r', m)                        eye openings and mouth interior stay x's
    W = R(E([x, p]));  M_l = W_x,l + t m_l (W_p,l - W_x,l)
    [y0, y1, yp] = S([W_x, M, W_p])
    c = y1 - lerp(y0, yp, d t m)              what the network adds to a plain paste
    result = B + m~ c,  B = lerp(frame, r', d t m) formed in the frame's own pixels

Several layers paste one after the other into the same p and B, so they still cost one batch: the
weights t m and d t m become those of the union, 1 - prod(1 - t m).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from vcam.edit.composite import Composite
from vcam.edit.palette import PaletteMap, Palettes, to_log
from vcam.edit.sampling import MipPicture, frame_in_crop, sample_or_zero
from vcam.frame import Affine


class FollowNetwork(Protocol):
    """What the equation needs of the network."""

    def follow(self, pair: Tensor, mask: Tensor) -> Tensor:
        """[x, p] [2, 3, S, S] in -1..1 and t m [1, 1, S, S] to [y0, y1, yp] [3, 3, S, S]."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class FollowLayer:
    """One layer of one frame, on the device.

    mask: [1, 1, S, S]. warp: [1, 2, G, G], points of the reference picture in its pixels.
    reference: its picture in log colours. reference_step_px: pixels of the reference picture that
    one crop pixel spans.
    """

    mask: Tensor
    warp: Tensor
    reference: MipPicture
    reference_step_px: float
    strength: float
    tone: float
    detail: float


class FollowEdit:
    """The equation, with the constants that it needs on its device."""

    def __init__(self, network: FollowNetwork, composite: Composite, palettes: Palettes) -> None:
        self._network, self._composite, self._palettes = network, composite, palettes

    def __call__(
        self,
        box: Tensor,
        crop: Tensor,
        to_crop: Affine,
        skin: Tensor,
        layers: Sequence[FollowLayer],
    ) -> Tensor:
        """The box, edited.

        Shapes: box [1, 3, h, w], 0..1, the face's part of the frame; crop [1, 3, S, S], 0..1, what
        the network sees of it; to_crop maps box pixels to crop pixels; skin [1, 1, S, S].
        Returns: [1, 3, h, w]; exactly `box` wherever every mask is 0.
        """
        log_crop = to_log(crop)
        pasted = crop
        palettes: list[PaletteMap] = []
        for layer in layers:
            warped = _warped_to_crop(layer)
            palette = self._palettes.between(warped, log_crop, skin, layer.tone)
            palettes.append(palette)
            pasted = torch.lerp(pasted, palette(warped), layer.mask)
        pair = torch.cat((crop, pasted)).mul_(2.0).sub_(1.0)
        kept = _left_of_own(layers, [layer.strength for layer in layers])
        kept_detail = _left_of_own(layers, [layer.strength * layer.detail for layer in layers])
        before, after, paste = self._network.follow(pair, 1.0 - kept).split(1)
        correction = (after - torch.lerp(paste, before, kept_detail)) * 0.5
        in_crop = frame_in_crop(box, to_crop, crop.shape[-1])
        base = _pasted_in_frame(box, in_crop, to_crop, layers, palettes)
        return self._composite(base, correction, in_crop, [layer.mask for layer in layers])


def _pasted_in_frame(
    box: Tensor,
    in_crop: Tensor,
    to_crop: Affine,
    layers: Sequence[FollowLayer],
    palettes: Sequence[PaletteMap],
) -> Tensor:
    """B: the references warped straight into the frame, as sharp as they are kept."""
    crop_px_per_frame_px = float(np.hypot(to_crop[0, 0], to_crop[1, 0]))
    for layer, palette in zip(layers, palettes, strict=True):
        weight = sample_or_zero(layer.mask, in_crop) * (layer.strength * layer.detail)
        at = F.grid_sample(layer.warp, in_crop, "bicubic", "border", align_corners=False)
        step_px = layer.reference_step_px * crop_px_per_frame_px
        reference = layer.reference.at(at[0].permute(1, 2, 0), step_px)
        box = torch.lerp(box, palette(reference), weight)
    return box


def _warped_to_crop(layer: FollowLayer) -> Tensor:
    """The reference laid on the crop, log colours [1, 3, S, S], 2 x 2 samples a pixel."""
    side = 2 * layer.mask.shape[-1]
    at = F.interpolate(layer.warp, size=(side, side), mode="bicubic", align_corners=False)
    picture = layer.reference.at(at[0].permute(1, 2, 0), layer.reference_step_px / 2)
    return F.avg_pool2d(picture, 2)


def _left_of_own(layers: Sequence[FollowLayer], weights: Sequence[float]) -> Tensor:
    """What the layers together leave of the user's own, prod(1 - weight * mask)."""
    left = 1.0 - weights[0] * layers[0].mask
    for layer, weight in zip(layers[1:], weights[1:], strict=True):
        left = left * (1.0 - weight * layer.mask)
    return left
