"""Sample sheets: what the networks make of the same faces, time after time."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from models.blend import blend_maps
from models.networks import STYLE_CHANNELS, Encoder, Generator
from models.training.composites import make_composites
from models.training.faces import FaceBank

_COLUMNS = 12
_EDITS = 3


@torch.no_grad()
def draw_sheet(
    path: Path, encoder: Encoder, generator: Generator, bank: FaceBank, dtype: torch.dtype
) -> None:
    """Write a PNG: faces, their reconstructions, edits below what was pasted, faces from noise."""

    def lay(pictures: Tensor) -> Tensor:
        return pictures.to(dtype, memory_format=torch.channels_last)

    faces, landmarks = bank.at(slice(0, _COLUMNS))
    rows = [faces, generator(encoder(lay(faces)))]
    with torch.random.fork_rng(devices=[faces.device] if faces.is_cuda else []):
        torch.manual_seed(5)
        for number in range(_EDITS):
            composites = make_composites(faces, landmarks, random.Random(number))  # noqa: S311
            own, paste = (generator.resize(encoder(lay(p))) for p in (faces, composites.paste))
            edited = blend_maps(own, paste, composites.mask)
            rows += [composites.paste, generator.synthesise(edited)]
        z = torch.randn(len(faces), STYLE_CHANNELS, device=faces.device)
        rows.append(generator(generator.stylemap_from_noise(z).to(dtype)))
    save_grid(path, rows)


def save_grid(path: Path, rows: Sequence[Tensor]) -> None:
    """Write rows of pictures [B, 3, H, W], -1..1, as one PNG."""
    grid = torch.cat([torch.cat(list(row.float().clamp(-1, 1)), 2) for row in rows], 1)
    pixels = ((grid + 1) * 127.5).round().byte().permute(1, 2, 0).cpu().numpy()
    Image.fromarray(pixels).save(path)
