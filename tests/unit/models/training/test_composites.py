"""Pastes as the product makes them: untouched outside of the mask, in the face's own colours."""

from __future__ import annotations

import random

import torch

from models.training.composites import make_composites, recolour
from models.training.faces import FaceBank


def test_a_paste_is_the_face_outside_of_its_mask(bank: FaceBank) -> None:
    """Where the mask is 0 a paste's pixels are the face's, bit for bit; inside they are not."""
    faces, landmarks = bank.at(slice(0, 4))
    seen_plain = seen_pasted = 0
    for seed in range(6):
        torch.manual_seed(seed)
        made = make_composites(faces, landmarks, random.Random(seed))
        assert float(made.mask.min()) >= 0
        assert float(made.mask.max()) <= 1 + 1e-6
        for number, is_plain in enumerate(made.is_plain.flatten().tolist()):
            paste, face, mask = made.paste[number], faces[number], made.mask[number]
            if is_plain:
                assert torch.equal(paste, faces[number - 1])
                seen_plain += 1
            else:
                outside = (mask == 0).expand_as(face)
                assert outside.float().mean() > 0.3
                assert torch.equal(paste[outside], face[outside])
                assert not torch.equal(paste, face)
                seen_pasted += 1
    assert seen_plain
    assert seen_pasted > 3 * seen_plain


def test_recoloured_pictures_have_the_others_colours() -> None:
    """Mean and deviation inside of the mask become the other's, channel by channel."""
    torch.manual_seed(0)
    pictures, like = 0.1 * torch.randn(2, 3, 64, 64) - 0.2, 0.15 * torch.randn(2, 3, 64, 64) + 0.3
    inside = torch.zeros(2, 1, 64, 64)
    inside[..., 10:50, 20:40] = 1
    made = recolour(pictures, like, inside)[..., 10:50, 20:40]
    goal = like[..., 10:50, 20:40]
    assert torch.allclose(made.mean((2, 3)), goal.mean((2, 3)), atol=1e-4)
    assert torch.allclose(made.std((2, 3)), goal.std((2, 3)), rtol=0.05)


def test_contrast_changes_within_bounds() -> None:
    """A picture without any contrast is not blown up to another's."""
    torch.manual_seed(0)
    flat, like = 0.03 * torch.randn(1, 3, 32, 32), 0.3 * torch.randn(1, 3, 32, 32)
    made = recolour(flat, like, torch.ones(1, 1, 32, 32))
    assert float(made.std()) < 2 * float(flat.std())
