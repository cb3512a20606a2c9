"""Seams: bends and steps of known height are found with that height."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from models.evaluate.pictures import to_tensor
from models.evaluate.seams import edge_normals, poisson_paste, seam_excess, seam_step
from models.training.regions import soften
from models.training.shards import Faces

SIDE = 64
X = torch.arange(SIDE).float().expand(1, 1, SIDE, SIDE)  # each pixel's place from the left
LEVEL = 1 / 127.5
RIGHT_HALF = soften((X >= 32).float(), 2.0)


def _grey(values: Tensor) -> Tensor:
    return (values * LEVEL).expand(1, 3, -1, -1)


def test_edge_runs_where_the_mask_crosses_a_half() -> None:
    """Edge points lie on the half's border, one a row; normals point out of it, to the left."""
    points, normals = edge_normals(RIGHT_HALF)
    assert points[:, 0].tolist() == [31.0] * SIDE
    assert normals[:, 0].tolist() == pytest.approx([-1.0] * SIDE, abs=1e-5)


def test_a_bend_gives_the_difference_of_its_slopes() -> None:
    """Slope 1 on the left and 3 on the right of the edge is a jump of 2 levels a pixel."""
    bent = X - 32 + 2 * (X - 32).clamp_min(0)
    assert seam_step(_grey(bent), RIGHT_HALF).item() == pytest.approx(2.0, abs=1e-3)


def test_a_step_gives_its_height_over_four_pixels() -> None:
    """A hard step of 20 levels is 5 levels a pixel; an even slope across the edge is none."""
    assert seam_step(_grey(20 * (X >= 32)), RIGHT_HALF).item() == pytest.approx(5.0, abs=1e-3)
    assert seam_step(_grey(X * 2 - 60), RIGHT_HALF).item() == pytest.approx(0.0, abs=1e-3)
    assert seam_step(_grey(20 * (X >= 32)), torch.zeros_like(X)).item() == 0.0


def test_lines_that_the_parts_have_are_no_seam() -> None:
    """A face's own line at the edge is not counted, a step between two flat pictures is whole."""
    line, flat = _grey(20 * (X >= 32)), _grey(20 + 0 * X)
    assert seam_excess(line, (line, flat), RIGHT_HALF).item() == 0.0
    assert seam_excess(line, (_grey(0 * X), flat), RIGHT_HALF).item() == pytest.approx(5, abs=1e-3)


def test_a_poisson_paste_of_a_face_into_itself_changes_nothing(faces: Faces) -> None:
    """The paste lands where it comes from, to the pixel; a brighter copy of it leaves no step."""
    x = to_tensor(faces.pictures[:1], torch.device("cpu"))
    mask = torch.zeros(1, 1, 256, 256)
    mask[..., 80:171, 90:180] = 1.0  # of odd height and even width
    assert (poisson_paste(x, x, mask) - x).abs().max().item() < 2.5 * LEVEL
    brighter = poisson_paste(x, x * 0.8 + 0.15, mask)
    hard = torch.where(mask > 0, x * 0.8 + 0.15, x)
    assert seam_excess(brighter, (x,), mask) < 0.5 * seam_excess(hard, (x,), mask)
