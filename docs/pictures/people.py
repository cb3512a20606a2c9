"""Makes the pictures of docs/models.md: what some weights make of built-in faces.

    python docs/pictures/people.py face256

None of these people exist. Rows, from the top: the crop; its reconstruction; then face, eyes,
brows, nose and mouth edited toward the person to the right (the last toward the first), as
`models.evaluate` edits. Three minutes on a CPU.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import cv2
import numpy as np
import torch

from models.crop import crop_matrix, transform_points
from models.evaluate.candidates import load_candidate
from models.evaluate.edits import REGIONS, edit_pair, make_pair
from models.evaluate.pictures import to_bytes, to_tensor
from models.training.shards import SIDE, Faces

PEOPLE = ("mara", "kofi", "yuna", "arthur", "priya", "zora", "omar")
FOLDER = Path(__file__).parents[2] / "models" / "assets" / "references"
CELL_PX = 192
QUALITY = 78


def main() -> int:
    """Write people-NAME.jpg beside this file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", help="built-in name, or path of a safetensors file")
    name = parser.parse_args().weights
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    card, candidate = load_candidate(name, device)
    faces = built_in_faces()
    with torch.inference_mode():
        rows = [list(faces.pictures)]
        rows.append([to_bytes(candidate.reconstruct(x))[0] for x in _each(faces, device)])
        for region in REGIONS:
            pairs = [
                make_pair(faces, i, (i + 1) % len(faces), region, device) for i in range(len(faces))
            ]
            rows.append([to_bytes(edit_pair(candidate, pair))[0] for pair in pairs])
    small = [
        np.hstack([cv2.resize(c, (CELL_PX, CELL_PX), interpolation=cv2.INTER_AREA) for c in row])
        for row in rows
    ]
    path = Path(__file__).with_name(f"people-{card.name}.jpg")
    sheet = cv2.cvtColor(np.vstack(small), cv2.COLOR_RGB2BGR)
    cv2.imwrite(str(path), sheet, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return 0


def built_in_faces() -> Faces:
    """The people as crops, sampled twice as finely and averaged."""
    pictures, landmarks = [], []
    for name in PEOPLE:
        points = np.array(json.loads((FOLDER / f"{name}.json").read_text())["landmarks"])
        to_crop = crop_matrix(points, "face", SIDE)
        finer = 2 * to_crop + np.array([[0, 0, 0.5], [0, 0, 0.5]])
        encoded = np.frombuffer((FOLDER / f"{name}.webp").read_bytes(), np.uint8)
        pixels = cv2.cvtColor(cv2.imdecode(encoded, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
        twice = cv2.warpAffine(
            pixels, finer, (2 * SIDE, 2 * SIDE), None, cv2.INTER_CUBIC, cv2.BORDER_REFLECT_101
        )
        pictures.append(cv2.resize(twice, (SIDE, SIDE), interpolation=cv2.INTER_AREA))
        landmarks.append(transform_points(to_crop, points).astype(np.float32))
    return Faces(np.stack(pictures), np.stack(landmarks), np.zeros(len(PEOPLE), np.uint8))


def _each(faces: Faces, device: torch.device) -> list[torch.Tensor]:
    return list(to_tensor(faces.pictures, device).split(1))


if __name__ == "__main__":
    sys.exit(main())
