"""Sampling grids made of their two sides."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.crop import matrix_from_similarity, transform_points
from vcam.edit.geometry import grid_lines
from vcam.edit.sampling import MipPicture, grid_of, sample


@settings(deadline=None, max_examples=20)
@given(zoom=st.floats(-2, 2), angle=st.floats(-3, 3), x=st.floats(-300, 900))
def test_a_grid_is_the_map_of_every_pixel(zoom: float, angle: float, x: float) -> None:
    """Each point of a grid is the matrix's answer for its pixel, to a thousandth of a pixel."""
    matrix = matrix_from_similarity([zoom, angle, x, 200.0])
    height, width, into = 13, 17, (640, 360)
    lines = grid_lines(matrix, height, width, into)
    grid = grid_of(*map(torch.from_numpy, lines))[0].numpy()
    assert grid.shape == (height, width, 2)
    pixels = np.stack(np.meshgrid(np.arange(width), np.arange(height)), -1).reshape(-1, 2)
    points = transform_points(matrix, pixels).reshape(height, width, 2)
    assert np.abs((grid + 1) * np.array(into) / 2 - 0.5 - points).max() < 1e-3


def test_every_level_of_a_picture_shows_the_same_places() -> None:
    """Points in a picture's pixels find the same colours at each of its levels."""
    y, x = np.mgrid[:150, :203].astype(np.float32)
    mips = MipPicture(torch.from_numpy(np.stack((x, y)))[None])  # its colours are its places
    points = np.stack(np.meshgrid([20.0, 77.5, 160.0], [30.0, 60.25, 110.0]), -1)
    points = points.astype(np.float32)
    assert len(mips.levels) > 2
    for number, level in enumerate(mips.levels):
        grid = torch.from_numpy(mips.in_units(points, number))[None].permute(0, 2, 3, 1)
        assert np.abs(sample(level, grid)[0].permute(1, 2, 0).numpy() - points).max() < 0.01
