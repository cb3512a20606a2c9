"""The edit thread's tool: takes a frame, its face and the wanted layers, writes the styled box.

One instance belongs to one thread. Loading takes seconds and happens in the constructor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.captured import Capture
from models.crop import CropKind, invert_affine
from models.inference import EditNetwork
from models.networks import build
from models.weights import WeightsError, load_weights
from vcam.edit.composite import WideMask
from vcam.edit.device import choose_device, translated
from vcam.edit.follow import FollowEdit, FollowLayer
from vcam.edit.geometry import (
    Box,
    at_side,
    box_of_crop,
    from_corner,
    grid_lines,
    layer_runs,
    reference_step_px,
    supersampled,
)
from vcam.edit.kept import KeptReferences
from vcam.edit.palette import Palettes
from vcam.edit.references import KEPT_REFERENCES, PreparedReference
from vcam.edit.replace import ReplaceEdit
from vcam.edit.runtime import Runtime
from vcam.edit.sampling import Grids, grid_of
from vcam.edit.transfer import Download, Part, Upload
from vcam.errors import EditError
from vcam.frame import (
    CROP_SIZE,
    Affine,
    FaceShape,
    Frame,
    LayerGeometry,
    LayerStyle,
    Pixels,
    TrackedFace,
)

_Layer = tuple[LayerStyle, LayerGeometry]

_RunEdit = Callable[[Tensor, Grids, Sequence[Tensor]], Tensor]
"""A run of layers on the box: takes the box, the grids, the run's parts as they were sent."""


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
            network = EditNetwork(*networks, choice.device, choice.dtype, is_captured=False)
            wide_mask, capture = WideMask(choice.device), Capture(choice.device)
            self._follow = FollowEdit(network, wide_mask, Palettes(choice.device), capture)
            self._replace = ReplaceEdit(network, wide_mask, capture)
            if choice.device.type == "cuda":
                self._follow.warm_up(side, choice.device)
            prepare = partial(
                PreparedReference, network=network, crop_kind=self.crop_kind, side=side
            )
            self._references = KeptReferences(prepare, KEPT_REFERENCES)
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
        rows, columns = box
        to_crop = at_side(from_corner(frame_to_crop, rows.start, columns.start), self._side)
        runs = [
            self._run(run, shape.skin, to_crop)
            for run in layer_runs(zip(layers, shape.layers, strict=True))
        ]
        parts = [part for run_parts, _ in runs for part in run_parts]
        box_pixels = pixels[box]
        lines = self._grid_lines(box_pixels.shape, to_crop)
        sent = iter(self._upload.send([box_pixels, *lines, *parts]))
        picture = next(sent).permute(2, 0, 1)[None] / 255
        grids = Grids(grid_of(next(sent), next(sent)), grid_of(next(sent), next(sent)))
        for run_parts, edit in runs:
            picture = edit(picture, grids, [next(sent) for _ in run_parts])
        finished = (picture[0] * 255.0).round_().permute(1, 2, 0)
        return finished.to(torch.uint8, memory_format=torch.contiguous_format)

    def _grid_lines(self, shape: tuple[int, ...], to_crop: Affine) -> list[Part]:
        """What the two grids are made of: of the crop in the box, then of the box in the crop."""
        height, width, _ = shape
        double = 2 * self._side
        from_double_crop = supersampled(invert_affine(to_crop))
        return [
            *grid_lines(from_double_crop, double, double, (width, height)),
            *grid_lines(to_crop, height, width, (self._side, self._side)),
        ]

    def _run(
        self, run: Sequence[_Layer], skin: NDArray[np.float32], to_crop: Affine
    ) -> tuple[list[Part], _RunEdit]:
        """What a run of layers needs on the device, and what it does there to the box."""
        style, geometry = run[0]
        if style.mode == "follow":
            layers = [self._follow_layer(*each, to_crop) for each in run]
            return self._follow.parts(skin, layers), partial(self._follow, layers=layers)
        maps = self._references[style.reference].maps()
        return (
            self._replace.parts(geometry.mask, style.strength),
            partial(self._replace, maps=maps),
        )

    def _follow_layer(
        self, style: LayerStyle, geometry: LayerGeometry, to_crop: Affine
    ) -> FollowLayer:
        reference = self._references[style.reference].log_mips
        step_px = reference_step_px(geometry.warp) * CROP_SIZE / self._side
        crop_px_per_frame_px = float(np.hypot(to_crop[0, 0], to_crop[1, 0]))
        return FollowLayer(
            geometry.mask,
            geometry.warp,
            reference,
            crop_level=reference.level(step_px / 2),
            frame_level=reference.level(step_px * crop_px_per_frame_px),
            strength=style.strength,
            tone=style.tone,
            detail=style.detail,
        )
