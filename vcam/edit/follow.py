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

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from models.captured import Capture
from vcam.edit.composite import WideMask, inside, with_change
from vcam.edit.palette import PaletteMap, Palettes, to_log
from vcam.edit.sampling import Grids, MipPicture, resized, sample, sample_or_zero
from vcam.edit.transfer import Part
from vcam.frame import CROP_SIZE

_Carried = tuple[Tensor, list[PaletteMap]]
"""What the crop has for the frame: [1, 3 + L, S, S], m~ c and each layer's d t m; the palettes."""


class FollowNetwork(Protocol):
    """What the equation needs of the network."""

    def follow(self, pair: Tensor, mask: Tensor) -> Tensor:
        """[x, p] [2, 3, S, S] in -1..1 and t m [1, 1, S, S] to [y0, y1, yp] [3, 3, S, S]."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class FollowLayer:
    """One layer of one frame.

    mask: [CROP_SIZE, CROP_SIZE]. warp: [G, G, 2], points of the reference picture in its pixels.
    reference: its picture in log colours. crop_level, frame_level: of `reference`, what is fine
    enough to be laid on the crop at twice its side, and in the frame.
    """

    mask: NDArray[np.float32]
    warp: NDArray[np.float32]
    reference: MipPicture
    crop_level: int
    frame_level: int
    strength: float
    tone: float
    detail: float


class FollowEdit:
    """The equation, ready for one network.

    What happens in the crop, the network's part included, has fixed shapes and is one captured
    graph for each number of layers. What remains has the shapes of box and reference.
    """

    def __init__(
        self, network: FollowNetwork, wide_mask: WideMask, palettes: Palettes, capture: Capture
    ) -> None:
        self._network, self._wide_mask, self._palettes = network, wide_mask, palettes
        self._capture = capture
        self._in_crop: dict[int, Callable[..., _Carried]] = {}

    @staticmethod
    def parts(skin: NDArray[np.float32], layers: Sequence[FollowLayer]) -> list[Part]:
        """What a frame's edit needs on the device: planes and numbers, then each layer's warps.

        skin: [CROP_SIZE, CROP_SIZE].
        """
        numbers = [(one.strength, one.strength * one.detail, one.tone) for one in layers]
        planes = (skin, *(one.mask for one in layers), np.array(numbers, np.float32))
        on_crop = [one.reference.in_units(one.warp, one.crop_level) for one in layers]
        in_frame = [one.reference.in_units(one.warp, one.frame_level) for one in layers]
        return [planes, *on_crop, *in_frame]

    def __call__(
        self, box: Tensor, grids: Grids, sent: Sequence[Tensor], layers: Sequence[FollowLayer]
    ) -> Tensor:
        """The box, edited.

        Shapes: box [1, 3, h, w], 0..1, the face's part of the frame. sent: the tensors of `parts`.
        Returns: [1, 3, h, w]; exactly `box` wherever every mask is 0.
        """
        planes, on_crop, in_frame = sent[0], sent[1 : 1 + len(layers)], sent[1 + len(layers) :]
        references = [
            _on_double_crop(layer, warp, grids.crop_in_box.shape[1])
            for layer, warp in zip(layers, on_crop, strict=True)
        ]
        carried, palettes = self._in_crop_of(len(layers))(
            sample(box, grids.crop_in_box), planes, *references
        )
        laid = sample_or_zero(carried, grids.box_in_crop)
        base = _pasted_in_frame(box, grids.box_in_crop, laid[:, 3:], in_frame, layers, palettes)
        return with_change(base, laid[:, :3])

    def warm_up(self, side: int, device: torch.device) -> None:
        """Capture the graph for one layer, so that the first frame need not.

        side: of the network's pictures.
        """
        double = torch.zeros(1, 3, 2 * side, 2 * side, device=device)
        planes = torch.zeros(2 * CROP_SIZE**2 + 3, device=device)
        self._in_crop_of(1)(double, planes, double)

    def _in_crop_of(self, count: int) -> Callable[..., _Carried]:
        """What happens in the crop, for so many layers."""
        if count not in self._in_crop:
            self._in_crop[count] = self._capture(self._carried_by_crop)
        return self._in_crop[count]

    def _carried_by_crop(
        self, double_crop: Tensor, planes: Tensor, *references: Tensor
    ) -> _Carried:
        """All of the equation that the network's crop holds.

        Shapes: double_crop [1, 3, 2 S, 2 S], the crop at twice its side, 0..1; references, each
        layer's laid on it, log colours; planes, flat: skin, masks, and t, d t, tone of each layer.
        """
        count, side = len(references), double_crop.shape[-1] // 2
        squares, numbers = planes[: -3 * count], planes[-3 * count :].view(count, 3, 1, 1, 1)
        skin, masks = squares.view(-1, 1, CROP_SIZE, CROP_SIZE).split((1, count))
        wide = self._wide_mask(masks, side)
        skin, masks = resized(skin, side), resized(masks, side)

        crop = F.avg_pool2d(double_crop, 2)
        log_crop, pasted = to_log(crop), crop
        palettes: list[PaletteMap] = []
        for reference, mask, tone in zip(references, masks.split(1), numbers[:, 2], strict=True):
            warped = F.avg_pool2d(reference, 2)
            palette = self._palettes.between(warped, log_crop, skin, tone.view(()))
            palettes.append(palette)
            pasted = torch.lerp(pasted, palette(warped), mask)
        pair = torch.cat((crop, pasted)).mul_(2.0).sub_(1.0)

        weights, detail_weights = numbers[:, 0] * masks, numbers[:, 1] * masks  # [L, 1, S, S]
        kept, kept_detail = _left_of_own(weights), _left_of_own(detail_weights)
        before, after, paste = self._network.follow(pair, 1.0 - kept).split(1)
        correction = (after - torch.lerp(paste, before, kept_detail)) * 0.5
        return torch.cat((inside(correction, wide), detail_weights.transpose(0, 1)), 1), palettes


def _pasted_in_frame(
    box: Tensor,
    box_in_crop: Tensor,
    weights: Tensor,
    warps: Sequence[Tensor],
    layers: Sequence[FollowLayer],
    palettes: Sequence[PaletteMap],
) -> Tensor:
    """B: the references warped straight into the frame, as sharp as they are kept.

    Shapes: weights [1, L, h, w], d t m in the box; warps [2, G, G], in units of the frame's level.
    """
    for layer, palette, warp, weight in zip(
        layers, palettes, warps, weights.split(1, 1), strict=True
    ):
        at = F.grid_sample(warp[None], box_in_crop, "bicubic", "border", align_corners=False)
        reference = sample(layer.reference.levels[layer.frame_level], at.permute(0, 2, 3, 1))
        box = torch.lerp(box, palette(reference), weight)
    return box


def _on_double_crop(layer: FollowLayer, warp: Tensor, side: int) -> Tensor:
    """The reference laid on the crop at twice its side, log colours [1, 3, side, side].

    Shapes: warp [2, G, G], in units of the crop's level.
    """
    at = F.interpolate(warp[None], size=(side, side), mode="bicubic", align_corners=False)
    return sample(layer.reference.levels[layer.crop_level], at.permute(0, 2, 3, 1))


def _left_of_own(weights: Tensor) -> Tensor:
    """What the layers together leave of the user's own, prod(1 - weight): [L, 1, S, S] to one."""
    return (1.0 - weights).prod(0, keepdim=True)
