"""The training faces, decoded once and kept on the device, drawn at random.

Collections are of very different sizes: drawn evenly, every second face would be one studio's.
So each face has a weight: less for one of many of its collection, more for what is rare and hard
(open mouths, closed eyes, turned heads, dark skin).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models import mesh
from models.training.shards import Faces, ShardError, read_faces
from models.training.skin import typology_angles_deg

_LARGE = 800  # faces of a collection beyond which it weighs no more in all
_UPPER_LIP, _LOWER_LIP, _MOUTH_CORNERS = 13, 14, (61, 291)
_LIDS = ((159, 145, 33, 133), (386, 374, 362, 263))  # upper, lower, corners
_NOSE_TIP, _SIDES = 1, (234, 454)
_DARK_ITA_DEG = 28.0


class FaceBank:
    """Faces on a device.

    limit: read no more than so many.
    Raises: ShardError if the folder has none, or a shard is damaged.
    """

    def __init__(
        self, folder: Path, pattern: str, device: torch.device, limit: int | None = None
    ) -> None:
        shards = list(folder.glob(pattern))
        if not shards:
            raise ShardError(
                f"{folder} has no faces: no file in it is called {pattern}. Make them by `python "
                "-m models.training.prepare PHOTOS OUT`, and give OUT."
            )
        faces = read_faces(shards, limit)
        self.pictures = torch.from_numpy(faces.pictures).permute(0, 3, 1, 2).to(device)
        self.landmarks = torch.from_numpy(faces.landmarks).to(device)
        self._cumulated = torch.from_numpy(np.cumsum(sampling_weights(faces))).to(device).float()

    def __len__(self) -> int:
        return len(self.pictures)

    def draw(self, count: int) -> tuple[Tensor, Tensor]:
        """Faces at random: pictures [count, 3, 256, 256], -1..1, and landmarks."""
        place = torch.rand(count, device=self._cumulated.device) * self._cumulated[-1]
        index = torch.searchsorted(self._cumulated, place).clamp_max(len(self) - 1)
        return self.at(index)

    def at(self, index: Tensor | slice) -> tuple[Tensor, Tensor]:
        """Those faces: pictures, -1..1, and landmarks."""
        return self.pictures[index].float() / 127.5 - 1, self.landmarks[index]


def sampling_weights(faces: Faces) -> NDArray[np.float64]:
    """How often each face is drawn, over an average one; [N]."""
    counts = np.bincount(faces.sources, minlength=256)
    weights = np.minimum(1.0, _LARGE / counts[faces.sources])

    points = faces.landmarks
    width = _distance(points, *_MOUTH_CORNERS)
    openness = _distance(points, _UPPER_LIP, _LOWER_LIP) / width
    eyes = [_distance(points, up, low) / _distance(points, a, b) for up, low, a, b in _LIDS]
    left, right = (np.abs(points[:, _NOSE_TIP, 0] - points[:, side, 0]) for side in _SIDES)
    turn = np.abs(np.log(np.maximum(left, 1) / np.maximum(right, 1)))
    weights *= 1 + 2.0 * np.clip((openness - 0.15) / 0.3, 0, 1)
    weights *= 1 + 1.5 * np.clip((0.2 - np.minimum(*eyes)) / 0.1, 0, 1)
    weights *= 1 + 1.0 * np.clip((turn - 0.5) / 0.8, 0, 1)
    weights *= np.where(cheek_ita(faces) < _DARK_ITA_DEG, 1.8, 1.0)
    return weights / weights.mean()


def cheek_ita(faces: Faces) -> NDArray[np.float64]:
    """Individual typology angle of each face's cheeks in degrees, small for dark skin; [N]."""
    places = np.round(faces.landmarks[:, list(mesh.CHEEKS)]).astype(int).clip(2, 253)
    rows = np.arange(len(faces))[:, None]
    colours = np.stack(
        [faces.pictures[rows, places[..., 1] + j, places[..., 0] + i]
         for i in (-2, 0, 2) for j in (-2, 0, 2)]
    )  # fmt: skip
    return typology_angles_deg(np.median(colours, axis=(0, 2)) / 255.0)


def _distance(points: NDArray[np.float32], a: int, b: int) -> NDArray[np.float64]:
    return np.maximum(np.linalg.norm(points[:, a] - points[:, b], axis=1).astype(np.float64), 1.0)
