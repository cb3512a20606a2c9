"""The blends of modulation maps."""

from __future__ import annotations

import pytest
import torch

from models.blend import blend_maps, mask_at

SIDES = (4, 8, 16)


def maps(seed: int) -> list[torch.Tensor]:
    """A face's maps at three levels, small and random."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(1, 3, side, side, generator=generator) for side in SIDES]


def half_mask() -> torch.Tensor:
    """Set in the left half and in one pixel of the right."""
    mask = torch.zeros(1, 1, 16, 16)
    mask[..., :8] = 1
    mask[..., 5, 14] = 1
    return mask


@pytest.mark.parametrize("hard", [False, True])
def test_mask_0_keeps_and_mask_1_replaces(hard: bool) -> None:
    """Where the mask is 0 the live maps stay, bit for bit; where it is 1 the reference's come."""
    live, reference = maps(0), maps(1)
    kept = blend_maps(live, reference, torch.zeros(1, 1, 16, 16), hard=hard)
    taken = blend_maps(live, reference, torch.ones(1, 1, 16, 16), hard=hard)
    assert all(torch.equal(a, b) for a, b in zip(kept, live, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(taken, reference, strict=True))


def test_soft_cells_take_the_average() -> None:
    """A soft cell moves by the mask's average over it."""
    live, reference = maps(0), maps(1)
    (coarse, *_) = blend_maps(live, reference, half_mask())
    change = (coarse - live[0]) / (reference[0] - live[0])
    assert torch.allclose(change[..., :2], torch.ones(1))
    assert torch.allclose(change[:, :, 1, 3], torch.tensor(1 / 16))


def test_hard_cells_are_taken_whole() -> None:
    """A hard cell that a mask of zeros and ones touches takes the reference's map whole."""
    assert mask_at(half_mask(), 4, hard=True)[0, 0, 1].tolist() == [1, 1, 0, 1]
    assert mask_at(half_mask(), 4, hard=True)[0, 0, 2].tolist() == [1, 1, 0, 0]


def test_strength_scales_hard_cells() -> None:
    """Strength in the mask stays what it is in hard cells."""
    assert mask_at(0.3 * half_mask(), 4, hard=True)[0, 0, 1, 3] == pytest.approx(0.3)


def test_inputs_are_left_alone() -> None:
    """A blend changes none of its inputs."""
    live, reference, mask = maps(0), maps(1), half_mask()
    blend_maps(live, reference, mask)
    assert all(torch.equal(a, b) for a, b in zip(live, maps(0), strict=True))
    assert torch.equal(mask, half_mask())


def test_mask_that_does_not_tile_is_refused() -> None:
    """A mask of another size is refused, with both sizes in the message."""
    with pytest.raises(ValueError, match=r"\(1, 1, 15, 15\).*side 4"):
        blend_maps(maps(0), maps(1), torch.zeros(1, 1, 15, 15))
