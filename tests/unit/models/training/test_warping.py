"""Warps: nothing moves where nothing should, and landmarks land where they should."""

from __future__ import annotations

import torch
from torch import Tensor

from models.mesh import WARP_POINTS
from models.training.faces import FaceBank
from models.training.warping import warp_to

FEW = [61, 291, 33, 263, 195, 17, 105]  # corners of mouth and eyes, nose, lower lip, brow


def dots(landmarks: Tensor, point: int, sigma_px: float = 2.5) -> Tensor:
    """Pictures [B, 1, 256, 256] that are black but for a soft dot at one landmark."""
    line = torch.arange(256.0)
    x, y = (landmarks[:, point, axis].view(-1, 1, 1) for axis in (0, 1))
    square = (line.view(1, 1, -1) - x).square() + (line.view(1, -1, 1) - y).square()
    return torch.exp(-0.5 * square / sigma_px**2)[:, None]


def centres(pictures: Tensor) -> Tensor:
    """Centres of gravity of pictures [B, 1, 256, 256]: [B, 2], x and y."""
    weights = pictures / pictures.sum((2, 3), keepdim=True)
    line = torch.arange(256.0)
    return torch.stack(
        ((weights.sum(2) * line).sum((1, 2)), (weights.sum(3) * line).sum((1, 2))), 1
    )


def test_landmarks_that_stay_leave_the_picture(bank: FaceBank) -> None:
    """A warp onto the same landmarks gives the picture back, to two grey levels on average."""
    faces, landmarks = bank.at(slice(0, 4))
    again = warp_to(faces, landmarks, landmarks)
    assert float((again - faces).abs().mean()) < 2 / 127.5
    moved = centres(warp_to(dots(landmarks, 1), landmarks, landmarks)) - landmarks[:, 1]
    assert float(moved.abs().max()) < 0.1


def test_landmarks_land_on_their_goals(bank: FaceBank) -> None:
    """What was at a landmark is at the other face's landmark, to two pixels."""
    _, landmarks = bank.at(slice(0, 4))
    goal = (landmarks.roll(1, dims=0) - 128) * 1.03 + torch.tensor([132.0, 122.0])
    assert set(FEW) <= set(WARP_POINTS)
    for point in FEW:
        landed = centres(warp_to(dots(landmarks, point), landmarks, goal))
        assert float((landed - goal[:, point]).norm(dim=1).max()) < 2.0, point
        assert float((landmarks[:, point] - goal[:, point]).norm(dim=1).max()) > 4.0


def test_a_warp_and_its_way_back_cancel(bank: FaceBank) -> None:
    """There and back again is nearly the same face where its landmarks are."""
    faces, landmarks = bank.at(slice(0, 4))
    goal = (landmarks - 128) * 0.95 + 128 + torch.tensor([4.0, -3.0])
    again = warp_to(warp_to(faces, landmarks, goal), goal, landmarks)
    assert float((again - faces)[..., 64:192, 64:192].abs().mean()) < 0.05
