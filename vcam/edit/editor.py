"""The edit thread's tool: takes a frame, its face and the wanted layers, writes the styled box.

One instance belongs to one thread. Loading takes seconds and happens in the constructor.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from models.crop import CropKind, invert_affine
from models.inference import EditNetwork
from models.networks import build
from models.weights import WeightsError, load_weights
from vcam.edit.composite import Composite
from vcam.edit.device import choose_device, translated
from vcam.edit.follow import FollowEdit, FollowLayer
from vcam.edit.geometry import (
    Box,
    at_side,
    box_of_crop,
    from_corner,
    layer_runs,
    reference_step_px,
    supersampled,
)
from vcam.edit.palette import Palettes
from vcam.edit.references import PreparedReferences
from vcam.edit.replace import ReplaceEdit
from vcam.edit.runtime import Runtime
from vcam.edit.sampling import crop_of, resized
from vcam.edit.transfer import Download, Upload
from vcam.errors import EditError
from vcam.frame import CROP_SIZE, Affine, FaceShape, Frame, LayerStyle, Pixels, TrackedFace


class Editor:
    """Edits frames toward the wanted references.

    model: name of built-in weights, or a path; the network may be of any size of the family, what
        vcam.frame gives at CROP_SIZE is brought to it. device: `auto`, `cpu`, `mps`, `cuda[:N]`.
    Raises: EditError if the weights are missing or damaged, or the device is.
    """

    def __init__(self, model: str, device: str) -> None:
        choice = choose_device(device)
        self.device_name, self.note = choice.name, choice.note
        try:
            weights = load_weights(model)
            networks = build(weights)
        except WeightsError as error:
            code = "weights-missing" if error.code == "weights-missing" else "weights-damaged"
            raise EditError(code, error.message, error.hint) from error
        self.model_name = weights.card.name
        self.runtime = Runtime(
            "torch",
            torch.__version__,
            str(choice.dtype).removeprefix("torch."),
            torch.get_num_threads(),
        )
        self.crop_kind: CropKind = weights.card.crop
        self._side = side = networks[0].config.size
        with translated(), torch.inference_mode():
            network = EditNetwork(*networks, choice.device, choice.dtype)
            if choice.device.type == "cuda":  # capture the graph now, not at the first frame
                network.follow(torch.zeros(2, 3, side, side), torch.zeros(1, 1, side, side))
            composite = Composite(choice.device)
            self._follow = FollowEdit(network, composite, Palettes(choice.device))
            self._replace = ReplaceEdit(network, composite)
            self._references = PreparedReferences(network, self.crop_kind, side)
        self._upload, self._download = Upload(choice.device), Download(choice.device)

    def edit(
        self,
        frame: Frame,
        face: TrackedFace,
        shape: FaceShape,
        layers: Sequence[LayerStyle],
        out: Pixels,
    ) -> None:
        """Write the styled face into `out`, which already holds the frame's pixels.

        Only pixels under a mask change; all others stay the frame's own, bit for bit.
        Raises: EditError (memory, device), FrameError if this frame cannot be edited.
        """
        box = box_of_crop(face.to_crop, frame.pixels.shape)
        if box is None or not layers:
            return
        with translated(), torch.inference_mode():
            edited = self._edited(frame.pixels, box, face.to_crop, shape, layers)
            out[box] = self._download.fetch(edited)

    def _edited(
        self,
        pixels: Pixels,
        box: Box,
        frame_to_crop: Affine,
        shape: FaceShape,
        layers: Sequence[LayerStyle],
    ) -> Tensor:
        """The box's styled pixels, uint8 [h, w, 3] on the device.

        Neighbouring `follow` layers share one batch of the network; every other layer starts from
        the result of those before it.
        """
        geometry = [array for part in shape.layers for array in (part.mask, part.warp)]
        picture, skin, *parts = self._upload.send([pixels[box], shape.skin, *geometry])
        picture = picture.permute(2, 0, 1)[None].float() / 255
        side = self._side
        masks = [resized(mask[None, None], side) for mask in parts[::2]]
        skin = resized(skin[None, None], side)
        warps = [warp.permute(2, 0, 1)[None] for warp in parts[1::2]]
        steps = [reference_step_px(part.warp) * CROP_SIZE / side for part in shape.layers]

        rows, columns = box
        to_crop = at_side(from_corner(frame_to_crop, rows.start, columns.start), side)
        from_double_crop = supersampled(invert_affine(to_crop))

        work = zip(layers, masks, warps, steps, strict=True)
        for group in layer_runs(work):
            crop = crop_of(picture, from_double_crop, side)
            style, mask, _, _ = group[0]
            if style.mode == "follow":
                follow = [self._follow_layer(*each) for each in group]
                picture = self._follow(picture, crop, to_crop, skin, follow)
            else:
                maps = self._references[style.reference].maps()
                picture = self._replace(picture, crop, to_crop, mask, maps, style.strength)
        return (picture[0] * 255.0).round_().byte().permute(1, 2, 0).contiguous()

    def _follow_layer(
        self, style: LayerStyle, mask: Tensor, warp: Tensor, reference_step_px: float
    ) -> FollowLayer:
        reference = self._references[style.reference].log_mips
        return FollowLayer(
            mask, warp, reference, reference_step_px, style.strength, style.tone, style.detail
        )
