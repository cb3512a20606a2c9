"""Puts the network's change back into the frame's own pixels, inside a soft mask."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from vcam.edit.constants import BORDER_PX, GROWTH_PX, SOFTNESS_PX
from vcam.edit.sampling import resized
from vcam.frame import CROP_SIZE


class WideMask:
    """m~, the mask of the correction: wider and softer than the layers', so no edge is left.

    Made at CROP_SIZE for networks of any side: its constants are pixels of that crop.
    """

    def __init__(self, device: torch.device) -> None:
        reach = round(3 * SOFTNESS_PX)
        steps = torch.arange(-reach, reach + 1, device=device, dtype=torch.float32)
        kernel = torch.exp(-0.5 * (steps / SOFTNESS_PX).square())
        self._kernel = (kernel / kernel.sum()).view(1, 1, 1, -1)
        line = torch.arange(CROP_SIZE, device=device, dtype=torch.float32)
        line = (torch.minimum(line, line.flip(0)) / BORDER_PX).clamp_max(1.0)
        self._border = (line[:, None] * line)[None, None]

    def __call__(self, masks: Tensor, side: int) -> Tensor:
        """The union of the masks, grown and softened, 0 along the crop's border.

        Shapes: masks [L, 1, CROP_SIZE, CROP_SIZE]; returns [1, 1, side, side].
        """
        union = masks.amax(0, keepdim=True)
        wide = F.max_pool2d(union, GROWTH_PX, 1, GROWTH_PX // 2)
        reach = self._kernel.shape[-1] // 2
        wide = F.conv2d(wide, self._kernel, padding=(0, reach))
        wide = F.conv2d(wide, self._kernel.mT, padding=(reach, 0))
        return resized(wide * self._border, side)


def inside(correction: Tensor, wide_mask: Tensor) -> Tensor:
    """The part of a correction that the composite shows.

    Where the network gave no number there is no correction: 0 times it would be none either, and
    the edit would blacken pixels that no mask covers. Half precision overflows at an odd input.
    """
    return correction.nan_to_num(0.0, 0.0, 0.0) * wide_mask


def with_change(base: Tensor, change: Tensor) -> Tensor:
    """The base with the change added, 0..1, [1, 3, h, w]; `change` is written over.

    Exactly `base` where the change is 0.
    """
    return change.add_(base).clamp_(0.0, 1.0)
