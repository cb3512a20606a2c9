"""The `replace` edit: the paper's own, the reference's maps put in the user's place.

    W = R(E(x));  M_l = W_l + t m_l (W_r,l - W_l);  [y0, y1] = S([W, M])
    result = frame + m~ (y1 - y0)

No warp: the reference's pose and expression come along. Its maps are made once and kept.
Source: StyleMapGAN (arXiv 2104.14754), "Local editing"; strength, soft masks and adding the
network's change to the camera's own pixels are ours.
"""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from vcam.edit.composite import Composite
from vcam.edit.sampling import frame_in_crop
from vcam.frame import Affine


class ReplaceNetwork(Protocol):
    """What the equation needs of the network."""

    def replace(self, live: Tensor, reference: list[Tensor], mask: Tensor) -> Tensor:
        """X [1, 3, S, S] in -1..1, the reference's maps, t m [1, 1, S, S] to [y0, y1]."""
        ...


class ReplaceEdit:
    """The equation, ready for one network."""

    def __init__(self, network: ReplaceNetwork, composite: Composite) -> None:
        self._network, self._composite = network, composite

    def __call__(
        self,
        box: Tensor,
        crop: Tensor,
        to_crop: Affine,
        mask: Tensor,
        maps: list[Tensor],
        strength: float,
    ) -> Tensor:
        """The box, edited toward one reference.

        Shapes: box [1, 3, h, w] and crop [1, 3, S, S], 0..1; to_crop maps box pixels to crop
        pixels; mask [1, 1, S, S]; maps, the reference's. Returns: [1, 3, h, w].
        """
        before, after = self._network.replace(crop * 2.0 - 1.0, maps, mask * strength).split(1)
        in_crop = frame_in_crop(box, to_crop, crop.shape[-1])
        return self._composite(box, (after - before) * 0.5, in_crop, [mask])
