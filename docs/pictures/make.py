"""Makes the README's picture: the demo presenter as filmed, and with some built-in references.

    python docs/pictures/make.py

Real frames, the shipped weights, the live edit at full strength; a frame a second on a CPU.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

from vcam.capture import open_source
from vcam.config.library import ReferenceLibrary
from vcam.edit import Editor
from vcam.frame import Frame, LayerStyle, Pixels, Reference
from vcam.regions import FaceTracker, shape_face

MOMENTS = (10, 229)  # frames of the presenter: looks, speaks
REFERENCES = ("leon", "zora", "edith")
WINDOW = np.s_[20:660, 330:970]
SIDE_PX = 400
NS_A_FRAME = 33_333_333


def main() -> int:
    """Write presenter.jpg beside this file."""
    library, editor = ReferenceLibrary(), Editor("face256", "auto")
    references = [_reference(library, name) for name in REFERENCES]
    tracker = FaceTracker(editor.crop_kind)
    source = open_source("demo", lockstep=True, size=(1280, 720), fps=30)
    rows: list[Pixels] = []
    for seq in range(max(MOMENTS) + 1):
        pixels = source.read()
        if pixels is None:
            break
        frame = Frame(pixels, seq, seq * NS_A_FRAME)
        face = tracker.track(frame)
        if seq not in MOMENTS or face is None:
            continue
        row = [pixels]
        for reference in references:
            layers = [LayerStyle(("face",), reference, 1.0, "follow", 0.0, 1.0)]
            out = pixels.copy()
            editor.edit(frame, face, shape_face(face, layers), layers, out)
            row.append(out)
        small = [
            cv2.resize(each[WINDOW], (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
            for each in row
        ]
        rows.append(np.hstack(small))
    tracker.close()
    sheet = cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR)
    cv2.imwrite(
        str(Path(__file__).with_name("presenter.jpg")), sheet, [cv2.IMWRITE_JPEG_QUALITY, 88]
    )
    return 0


def _reference(library: ReferenceLibrary, name: str) -> Reference:
    encoded = np.frombuffer(library.picture_path(name).read_bytes(), np.uint8)
    picture = cv2.cvtColor(cv2.imdecode(encoded, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    return Reference(name, picture, np.array(library.landmarks(name), np.float32))


if __name__ == "__main__":
    sys.exit(main())
