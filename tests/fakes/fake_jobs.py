"""A jobs process without MediaPipe: every picture that OpenCV reads has one face in its middle.

A file whose name holds `no-face` has none, and one that holds `crash` ends the process.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tests.fakes.faces import landmarks, use_drawn_faces
from vcam.config.library import ReferenceLibrary
from vcam.engine.protocol import receive, send
from vcam.errors import ReferencePictureError, VcamError


def add_reference(path: Path) -> dict[str, str]:
    """What the real job promises, for pictures that need no looking at."""
    if "crash" in path.name:
        os._exit(9)
    content = path.read_bytes()
    digest, library = hashlib.sha256(content).hexdigest(), ReferenceLibrary()
    if (card := library.find(digest)) is not None:
        return {"id": card.id, "title": card.title}
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        raise ReferencePictureError("reference-not-a-picture", "It is no picture.", "take another")
    if "no-face" in path.name:
        raise ReferencePictureError("reference-no-face", "It shows no face.", "take another")
    webp = cv2.imencode(".webp", pixels)[1].tobytes()
    card = library.add(
        library.free_id(path.stem, digest),
        title=path.stem.title(),
        source_sha256=digest,
        picture=webp,
        thumbnail=webp,
        landmarks=landmarks(pixels.shape[1], pixels.shape[0]),
    )
    return {"id": card.id, "title": card.title}


def main() -> None:
    """Do jobs until the daemon has had enough."""
    use_drawn_faces()
    events = os.fdopen(os.dup(1), "wb")
    while (command := receive(sys.stdin.buffer)) is not None and command["kind"] == "job":
        answer: Any = {"kind": "done", "id": command["id"]}
        try:
            answer["result"] = add_reference(Path(command["arguments"]["path"]))
        except VcamError as error:
            answer = {"kind": "failed", "id": command["id"], "error": error.record()}
        send(events, answer)


if __name__ == "__main__":
    main()
