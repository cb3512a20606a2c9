"""The `replace` edit: the paper's own, the reference's maps put in the user's place.

    W = R(E(x));  M_l = W_l + t m_l (W_r,l - W_l);  [y0, y1] = S([W, M])
    result = frame + m~ (y1 - y0)

No warp: the reference's pose and expression come along. Its maps are made once and kept.
Source: StyleMapGAN (arXiv 2104.14754), "Local editing"; strength, soft masks and adding the
network's change to the camera's own pixels are ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from models.captured import Capture
from vcam.edit.composite import WideMask, inside, with_change
from vcam.edit.sampling import Grids, resized, sample, sample_or_zero
from vcam.edit.transfer import Part
from vcam.frame import CROP_SIZE


class ReplaceNetwork(Protocol):
    """What the equation needs of the network."""

    def replace(self, live: Tensor, reference: list[Tensor], mask: Tensor) -> Tensor:
        """X [1, 3, S, S] in -1..1, the reference's maps, t m [1, 1, S, S] to [y0, y1]."""
        ...


class ReplaceEdit:
    """The equation, ready for one network; all that happens in the crop is one captured graph."""

    def __init__(self, network: ReplaceNetwork, wide_mask: WideMask, capture: Capture) -> None:
        self._network, self._wide_mask = network, wide_mask
        self._in_crop = capture(self._carried_by_crop)

    @staticmethod
    def parts(mask: NDArray[np.float32], strength: float) -> list[Part]:
        """What a frame's edit needs on the device."""
        return [(mask, np.array([strength], np.float32))]

    def __call__(
        self, box: Tensor, grids: Grids, sent: Sequence[Tensor], maps: list[Tensor]
    ) -> Tensor:
        """The box [1, 3, h, w], 0..1, edited toward one reference.

        sent: the tensors of `parts`. maps: the reference's.
        """
        (plane,) = sent
        carried = self._in_crop(sample(box, grids.crop_in_box), plane, *maps)
        return with_change(box, sample_or_zero(carried, grids.box_in_crop))

    def _carried_by_crop(self, double_crop: Tensor, plane: Tensor, *maps: Tensor) -> Tensor:
        """m~ (y1 - y0) from the crop at twice its side, and the mask with the strength behind it.

        Shapes: double_crop [1, 3, 2 S, 2 S]; returns [1, 3, S, S].
        """
        crop = F.avg_pool2d(double_crop, 2)
        side = crop.shape[-1]
        mask = plane[:-1].view(1, 1, CROP_SIZE, CROP_SIZE)
        live, weight = crop * 2.0 - 1.0, resized(mask, side) * plane[-1]
        before, after = self._network.replace(live, list(maps), weight).split(1)
        return inside((after - before) * 0.5, self._wide_mask(mask, side))
