"""The edit thread's tool on a processor: the small model, and the same interface as `Editor`'s.

One instance belongs to one thread.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from functools import partial

import cv2
import psutil

from models.crop import CropKind
from models.lite.runtime import LiteNetwork, RuntimeMissingError
from models.weights import WeightsError, load_weights
from vcam.edit.geometry import layer_runs, reference_step_px
from vcam.edit.kept import KeptReferences
from vcam.edit.lite.composite import Composite
from vcam.edit.lite.follow import FollowEdit, FollowLayer
from vcam.edit.lite.network_input import NetworkInput
from vcam.edit.lite.references import KEPT_REFERENCES, PreparedReference
from vcam.edit.lite.replace import ReplaceEdit
from vcam.edit.lite.scratch import Scratch
from vcam.edit.runtime import Runtime
from vcam.errors import EditError, FrameError
from vcam.frame import FaceShape, Frame, LayerGeometry, LayerStyle, Pixels, TrackedFace

_MOST_THREADS = 4  # landmarks, publisher and the call itself need cores as well


class LiteEditor:
    """Edits frames toward the wanted references, on the processor.

    model: name of built-in weights of a small model, or a path. device: any; the processor does the
    work, and `note` says so if another was asked for.
    Raises: EditError if the weights are missing or damaged, or OpenVINO is missing.
    """

    def __init__(self, model: str, device: str) -> None:
        try:
            weights = load_weights(model)
            network = LiteNetwork(weights, threads=_threads())
        except WeightsError as error:
            code = "weights-missing" if error.code == "weights-missing" else "weights-damaged"
            raise EditError(code, error.message, error.hint) from error
        except RuntimeMissingError as error:
            raise EditError(
                "device-missing",
                f"The model {model} needs OpenVINO, which cannot be loaded here: {error}.",
                "choose --model face256, or install vcam again on a system that OpenVINO has"
                " packages for (docs/dependencies.md)",
            ) from error
        self.model_name = weights.card.name
        self.device_name = f"CPU, {network.threads} threads"
        self.note = ""
        if device not in ("auto", "cpu"):
            self.note = f"{self.model_name} runs on the CPU, not on {device}"
        self.runtime = Runtime("openvino", network.version, network.precision, network.threads)
        self.crop_kind: CropKind = weights.card.crop
        scratch = Scratch()
        shown, composite = NetworkInput(network), Composite(scratch)
        self._follow = FollowEdit(shown, composite, scratch)
        self._replace = ReplaceEdit(shown, composite, scratch)
        prepare = partial(PreparedReference, crop_kind=self.crop_kind)
        self._references = KeptReferences(prepare, KEPT_REFERENCES)

    def edit(
        self,
        frame: Frame,
        face: TrackedFace,
        shape: FaceShape,
        layers: Sequence[LayerStyle],
        out: Pixels,
    ) -> None:
        """Write the styled face into `out`, which already holds the frame's pixels.

        Only pixels under a mask change; all others stay the frame's own, bit for bit. Neighbouring
        `follow` layers share one call of the network; every other layer starts from the result of
        those before it.
        Raises: EditError (memory), FrameError if this frame cannot be edited.
        """
        with _translated():
            for run in layer_runs(zip(layers, shape.layers, strict=True)):
                style, geometry = run[0]
                if style.mode == "follow":
                    work = [self._follow_layer(*each) for each in run]
                    self._follow(out, face.to_crop, shape.skin, work)
                else:
                    reference = self._references[style.reference]
                    self._replace(out, face.to_crop, geometry.mask, reference, style.strength)

    def _follow_layer(self, style: LayerStyle, geometry: LayerGeometry) -> FollowLayer:
        return FollowLayer(
            geometry.mask,
            geometry.warp,
            self._references[style.reference],
            reference_step_px(geometry.warp),
            style.strength,
            style.tone,
            style.detail,
        )


def _threads() -> int:
    """The physical cores that this process may use, at most four."""
    cores = psutil.cpu_count(logical=False) or 1
    if hasattr(os, "sched_getaffinity"):
        cores = min(cores, len(os.sched_getaffinity(0)))
    return min(cores, _MOST_THREADS)


@contextmanager
def _translated() -> Generator[None]:
    """OpenCV's and OpenVINO's errors, said as ours: memory ends the engine, another one frame."""
    try:
        yield
    except MemoryError as error:
        raise EditError("out-of-memory", "The memory is full.", "close other programs") from error
    except (cv2.error, RuntimeError) as error:
        raise FrameError("frame-failed", f"A frame could not be edited: {error}.", "") from error
