"""A reference made ready for the device."""

from __future__ import annotations

import torch
from torch import Tensor

from models.crop import CropKind, crop_matrix, invert_affine
from models.inference import EditNetwork
from vcam.edit.geometry import supersampled
from vcam.edit.palette import to_log
from vcam.edit.sampling import MipPicture, crop_of
from vcam.frame import Reference

KEPT_REFERENCES = 16


class PreparedReference:
    """One reference: its picture in log colours, and its modulation maps once they are needed.

    side: of the crop that the network sees.
    """

    def __init__(
        self, reference: Reference, network: EditNetwork, crop_kind: CropKind, side: int
    ) -> None:
        pixels = torch.from_numpy(reference.pixels).to(network.device)
        self._picture = pixels.permute(2, 0, 1)[None].float() / 255
        self._landmarks = reference.landmarks
        self._crop_kind: CropKind = crop_kind
        self._network, self._side = network, side
        self._maps: list[Tensor] | None = None
        self.log_mips = MipPicture(to_log(self._picture))

    def maps(self) -> list[Tensor]:
        """The maps of its own crop, which `replace` puts in the user's place."""
        if self._maps is None:
            to_crop = crop_matrix(self._landmarks, self._crop_kind, self._side)
            crop = crop_of(self._picture, supersampled(invert_affine(to_crop)), self._side)
            self._maps = self._network.resize(self._network.encode(crop * 2.0 - 1.0))
        return self._maps
