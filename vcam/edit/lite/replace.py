"""The `replace` edit on a processor; `vcam.edit.replace` has the equation.

The small model sees the reference's own crop beside the user's in every frame: that costs it an
encode, and saves a third graph.
"""

from __future__ import annotations

import numpy as np

from vcam.edit.geometry import from_corner
from vcam.edit.lite.composite import Composite, as_floats, finish
from vcam.edit.lite.network_input import NetworkInput
from vcam.edit.lite.references import PreparedReference
from vcam.edit.lite.scratch import Floats, Scratch
from vcam.frame import Affine, Pixels


class ReplaceEdit:
    """The equation, ready for one network."""

    def __init__(self, shown: NetworkInput, composite: Composite, scratch: Scratch) -> None:
        self._shown, self._composite, self._scratch = shown, composite, scratch

    def __call__(
        self,
        picture: Pixels,
        to_crop: Affine,
        mask: Floats,
        reference: PreparedReference,
        strength: float,
    ) -> None:
        """Edit the picture in place.

        Shapes: picture [H, W, 3] uint8; to_crop maps its pixels to crop pixels; mask [S, S].
        """
        box = self._composite.begin([mask], to_crop, picture.shape)
        if box is None:
            return
        shown = self._shown
        shown.look(picture, to_crop)
        np.copyto(shown.pair[1], reference.planes())
        np.multiply(mask, np.float32(strength), out=shown.mask)
        before, after, _ = shown.pictures()
        correction = self._scratch("correction", *after.shape)
        np.subtract(after, before, out=correction)
        part, to_crop = picture[box], from_corner(to_crop, box[0].start, box[1].start)
        change, _ = self._composite.on_frame(correction, mask, to_crop, part.shape)
        finish(as_floats(part, self._scratch("base", *part.shape)), change, part)
