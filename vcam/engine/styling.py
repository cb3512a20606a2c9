"""From settings to what the loops need: references decoded, strengths multiplied, layers at 0 gone.

Built on the command thread, once for each change of the settings; the loops only read the result.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from vcam.config.library import ReferenceLibrary
from vcam.config.settings import FIRST_BUILT_IN, Layer, Settings
from vcam.errors import ReferencePictureError
from vcam.frame import LANDMARK_COUNT, LayerStyle, Reference

_KEPT = 16  # decoded references, at most 3 MB each: stepping through a menu decodes each once


@dataclass(frozen=True, slots=True, eq=False)
class Orders:
    """What the user wants now. A change makes a new one, so a loop never sees half of it."""

    settings: Settings
    revision: int
    layers: tuple[LayerStyle, ...]
    """Without those of strength 0; empty means the frame as it is."""


class Stylist:
    """Makes orders of settings.

    report: told of each reference that cannot be loaded, and None once all can be.
    """

    def __init__(
        self, library: ReferenceLibrary, report: Callable[[ReferencePictureError | None], None]
    ) -> None:
        self._library, self._report = library, report
        self._kept: OrderedDict[str, Reference] = OrderedDict()
        self._last: list[Reference] = []

    def orders(self, settings: Settings, revision: int) -> Orders:
        """Orders for these settings.

        A layer whose reference cannot be loaded keeps the one it had; one that had none takes the
        first built-in one, for a layer left out would show the user's own face.
        Raises: ReferencePictureError if the built-in one cannot be loaded either.
        """
        trouble: ReferencePictureError | None = None
        references: list[Reference] = []
        for number, layer in enumerate(settings.layers):
            try:
                reference = self._reference(layer.reference)
            except ReferencePictureError as error:
                trouble = error
                had = self._last[number : number + 1]
                reference = had[0] if had else self._reference(FIRST_BUILT_IN)
            references.append(reference)
        self._report(trouble)
        self._last = references
        styles = (
            _style(layer, reference, settings.strength)
            for layer, reference in zip(settings.layers, references, strict=True)
        )
        return Orders(settings, revision, tuple(one for one in styles if one.strength > 0.0))

    def _reference(self, wanted: str) -> Reference:
        """A decoded reference; the most recently used ones are kept."""
        found = self._library.resolve(wanted)
        reference = self._kept.get(found) or load_reference(self._library, found)
        self._kept[found] = reference
        self._kept.move_to_end(found)
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return reference


def load_reference(library: ReferenceLibrary, reference_id: str) -> Reference:
    """A reference's picture and landmarks.

    Raises: ReferencePictureError (reference-unknown; reference-missing if its files are damaged).
    """
    found = library.resolve(reference_id)
    try:
        landmarks = np.asarray(library.landmarks(found), np.float32)
        encoded = np.frombuffer(library.picture_path(found).read_bytes(), np.uint8)
        pixels = cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB)
    except (OSError, ValueError, cv2.error) as error:
        raise _damaged(found) from error
    if pixels is None or landmarks.shape != (LANDMARK_COUNT, 2):
        raise _damaged(found)
    return Reference(found, np.asarray(pixels, np.uint8), landmarks)


def _damaged(reference_id: str) -> ReferencePictureError:
    return ReferencePictureError(
        "reference-missing",
        f"The picture of reference {reference_id!r} is missing or damaged.",
        f"remove it with `vcam references remove {reference_id}` and add it again",
    )


def _style(layer: Layer, reference: Reference, master: float) -> LayerStyle:
    return LayerStyle(
        regions=layer.mask,
        reference=reference,
        strength=layer.strength * master,
        mode=layer.mode,
        tone=layer.tone,
        detail=layer.detail,
    )
