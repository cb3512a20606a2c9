"""Puts the network's change back into the frame's own pixels, inside a soft mask."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from vcam.edit.constants import BORDER_PX, GROWTH_PX, SOFTNESS_PX
from vcam.edit.sampling import resized, sample_or_zero
from vcam.frame import CROP_SIZE


class Composite:
    """base + m~ c; m~ is a little wider and softer than the masks, so that no edge is left."""

    def __init__(self, device: torch.device) -> None:
        reach = round(3 * SOFTNESS_PX)
        steps = torch.arange(-reach, reach + 1, device=device, dtype=torch.float32)
        kernel = torch.exp(-0.5 * (steps / SOFTNESS_PX).square())
        self._kernel = (kernel / kernel.sum()).view(1, 1, 1, -1)
        line = torch.arange(CROP_SIZE, device=device, dtype=torch.float32)
        line = (torch.minimum(line, line.flip(0)) / BORDER_PX).clamp_max(1.0)
        self._border = (line[:, None] * line)[None, None]

    def __call__(
        self, base: Tensor, correction: Tensor, in_crop: Tensor, masks: Sequence[Tensor]
    ) -> Tensor:
        """The base with the correction added.

        Shapes: base [1, 3, h, w], 0..1; correction [1, 3, S, S] and masks [1, 1, S, S] in the crop;
        in_crop [1, h, w, 2], where the base's pixels lie in the crop, in torch's units.
        Returns: [1, 3, h, w], 0..1; exactly `base` where all masks are 0 and a few pixels around.
        """
        wide = resized(self._widened(masks), correction.shape[-1])
        change = sample_or_zero(correction * wide, in_crop)
        return change.add_(base).clamp_(0.0, 1.0)

    def _widened(self, masks: Sequence[Tensor]) -> Tensor:
        """m~: the union of the masks, grown and softened, 0 along the crop's border.

        Made at CROP_SIZE for networks of any side: the constants are pixels of that crop.
        """
        union = masks[0]
        for mask in masks[1:]:
            union = torch.maximum(union, mask)
        wide = F.max_pool2d(resized(union, CROP_SIZE), GROWTH_PX, 1, GROWTH_PX // 2)
        reach = self._kernel.shape[-1] // 2
        wide = F.conv2d(wide, self._kernel, padding=(0, reach))
        wide = F.conv2d(wide, self._kernel.mT, padding=(reach, 0))
        return wide * self._border
