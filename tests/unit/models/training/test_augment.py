"""Augmented faces: as many, in range, changed, and with landmarks that follow the picture."""

from __future__ import annotations

import random

import pytest
import torch

from models.training.augment import augment, light_anew
from models.training.faces import FaceBank
from tests.unit.models.training.test_warping import dots


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("point", [61, 263, 1, 152])
def test_landmarks_follow_the_picture(seed: int, point: int, bank: FaceBank) -> None:
    """A dot drawn at a landmark is at that landmark afterwards, mirrored and warped or not."""
    _, landmarks = bank.at(torch.arange(8) % 4)
    pictures = dots(landmarks, point).expand(-1, 3, -1, -1) * 2 - 1
    torch.manual_seed(seed)
    made, moved = augment(pictures.contiguous(), landmarks, random.Random(seed))
    assert made.shape == pictures.shape
    assert moved.shape == landmarks.shape
    place = made.mean(1).flatten(1).argmax(1)
    found = torch.stack((place % 256, place // 256), 1)
    assert float((found - moved[:, point]).norm(dim=1).max()) < 2.5


def test_a_batch_is_changed_in_part(bank: FaceBank) -> None:
    """Some faces are warped, some lit anew, some neither, and none leaves -1 to 1."""
    faces, landmarks = bank.at(torch.arange(10) % 4)
    torch.manual_seed(1)
    before = faces.clone(), landmarks.clone()
    made, moved = augment(faces, landmarks, random.Random(1))
    assert torch.equal(faces, before[0])
    assert torch.equal(landmarks, before[1])
    assert float(made.min()) >= -1
    assert float(made.max()) <= 1
    known = torch.cat(
        (landmarks[:4], torch.stack((255 - landmarks[:4, :, 0], landmarks[:4, :, 1]), -1))
    )
    is_still = ((moved[:, None] - known).abs().amax((2, 3)) < 1e-3).any(1)
    assert int(is_still.sum()) == 6  # of ten, four are warped
    pictures = torch.cat((faces[:4], faces[:4].flip(3)))
    is_same = ((made[:, None] - pictures).abs().amax((2, 3, 4)) < 1e-6).any(1)
    assert 2 <= int(is_same.sum()) <= 6
    assert not (is_same & ~is_still).any()


def test_seeds_decide(bank: FaceBank) -> None:
    """The same seeds change a batch in the same way, others in another."""
    made = []
    for seed in (4, 4, 5):
        torch.manual_seed(seed)
        made.append(augment(*bank.at(slice(0, 4)), random.Random(seed))[0])
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])


def test_light_falls_anew_on_each_face() -> None:
    """A grey wall gets another brightness in each picture, brighter on one side, and no noise."""
    torch.manual_seed(2)
    lit = light_anew(torch.zeros(8, 3, 64, 64))
    assert float(lit.min()) >= -1
    assert float(lit.max()) <= 1
    assert float(lit.mean((1, 2, 3)).std()) > 0.05
    sides = (lit[..., :8].mean((1, 2, 3)) - lit[..., -8:].mean((1, 2, 3))).abs()
    assert float(sides.max()) > 0.05
    assert float(lit.diff(dim=-1).abs().max()) < 0.02
