"""The edit on an NVIDIA GPU: the same picture as on the CPU, and nothing off the mask."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.unit.edit.conftest import Scene, layer
from vcam.edit import Editor
from vcam.frame import CROP_SIZE

pytestmark = [
    pytest.mark.device,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU on this machine"),
]


def _disc(radius_px: float) -> np.ndarray:
    y, x = np.mgrid[:CROP_SIZE, :CROP_SIZE] - (CROP_SIZE - 1) / 2
    return np.clip((radius_px - np.hypot(x, y)) / 8, 0, 1).astype(np.float32)


@pytest.mark.parametrize(
    "modes",
    [
        *(["follow"] * 3, ["replace"] * 3),
        *(["follow", "replace", "follow"], ["follow", "follow follow", "follow"]),
    ],
)
def test_the_gpu_makes_the_cpus_picture(modes: list[str]) -> None:
    """Half precision and captured graphs change a frame by less than two grey levels in the mean.

    Run three times with other inputs in between, and with other graphs that work in the same
    memory: one that kept an old input, or lost what it needs, would show.
    """
    on_cpu, on_gpu = Editor("face256", "cpu"), Editor("face256", "cuda")
    rng = np.random.default_rng(5)
    for radius, each_mode in zip((60, 80, 60), modes, strict=True):
        scene = Scene()
        wanted = [
            layer(
                np.kron(rng.integers(40, 220, (16, 16, 3)), np.ones((16, 16, 1))).astype(np.uint8),
                **{"mode": mode, "detail": 0.5, "tone": 0.3, "strength": radius / 80},
            )
            for mode in each_mode.split()
        ]
        pictures: list[np.ndarray] = []
        for each in (on_cpu, on_gpu):
            out = scene.frame.pixels.copy()
            masks = [_disc(radius)] * len(wanted)
            each.edit(scene.frame, scene.face, scene.shape(*masks), wanted, out)
            pictures.append(out.astype(float))
        inside = scene.weight(_disc(radius)) > 0
        assert np.abs(pictures[0] - pictures[1])[inside].mean() < 2.0
        assert scene.changed(pictures[1].astype(np.uint8))[inside].mean() > 0.8
        beyond = scene.weight(_disc(radius + 26)) == 0
        assert not scene.changed(pictures[1].astype(np.uint8))[beyond].any()
