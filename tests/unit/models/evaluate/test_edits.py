"""Edits: of networks that paint what they see, or are off by so much."""

from __future__ import annotations

import pytest
import torch

from models.evaluate import palette
from models.evaluate.edits import REGIONS, composite, make_pairs, measure_edit, region_mask
from models.training.shards import Faces
from tests.unit.models.evaluate.conftest import Perfect
from vcam.edit.palette import Palettes, to_log
from vcam.regions import masks

CPU = torch.device("cpu")


def test_pairs_take_the_regions_in_turn(faces: Faces) -> None:
    """Face i gets the next one's region; the last takes from the first; no more than asked for."""
    pairs = list(make_pairs(faces, 10, CPU))
    assert [pair.region for pair in pairs] == list(REGIONS)[:3]
    assert len(list(make_pairs(faces, 2, CPU))) == 2
    for pair in pairs:
        outside = pair.mask.expand_as(pair.x) == 0
        assert torch.equal(pair.paste[outside], pair.x[outside])


def test_masks_leave_eyes_and_mouth_and_border_to_the_face(faces: Faces) -> None:
    """No region covers the middle of an eye's or the mouth's opening, or the crop's border."""
    landmarks = torch.from_numpy(faces.landmarks)
    for region in REGIONS:
        mask = region_mask(landmarks, region)
        assert 0.9 < mask.max() <= 1
        assert mask[..., 0].max() == 0
        for face, points in zip(mask, landmarks, strict=True):
            for iris in (468, 473):
                x, y = points[iris].round().int().tolist()
                assert face[0, y, x] < 0.05, region


# How far our masks may be from the live program's, of its sum: OpenCV draws polygons half a pixel
# larger, which tells in thin ones, and the program leaves a band over closed lids and lips.
APART = {"face": 0.06, "nose": 0.08, "brows": 0.2, "eyes": 0.25, "mouth": 0.5}


def test_regions_are_drawn_as_the_live_program_draws_them(faces: Faces) -> None:
    """Masks and skin are the program's, but for the drawing of edges and of closed openings."""
    for points in faces.landmarks:
        one = torch.from_numpy(points)[None]
        for region in REGIONS:
            ours, live = region_mask(one, region)[0, 0], masks.region_mask(points, [region])
            assert (ours - torch.from_numpy(live)).abs().sum() < APART[region] * live.sum(), region
        skin = masks.skin_mask(points)
        apart = (palette.skin_mask(one)[0, 0] - torch.from_numpy(skin)).abs().sum()
        assert apart < 0.12 * skin.sum()


def test_colours_are_brought_over_as_live(faces: Faces) -> None:
    """A reference gets the palette that the live program gives it, of light and dark faces."""
    pictures = torch.from_numpy(faces.pictures).permute(0, 3, 1, 2).float() / 255
    skin = palette.skin_mask(torch.from_numpy(faces.landmarks[:1]))
    for x, reference in (pictures[:2].split(1), pictures[1:].split(1)):
        live = Palettes(CPU).between(to_log(reference), to_log(x), skin, torch.tensor(0.0))
        ours = palette.to_palette(reference * 2 - 1, x * 2 - 1, skin)
        assert torch.allclose((ours + 1) / 2, live(to_log(reference)), atol=1e-3)


def test_a_perfect_network_gives_the_paste(faces: Faces) -> None:
    """Without correction the result is the plain paste, and its seams are the paste's."""
    pair = next(make_pairs(faces, 1, CPU))
    figures, result = measure_edit(Perfect(), pair)
    assert torch.allclose(result, pair.paste, atol=1e-6)
    assert figures.mse_ref == pytest.approx(0.0, abs=1e-10)
    assert figures.seam_step["edit"] == pytest.approx(figures.seam_step["feathered_paste"])
    assert figures.seam_excess["edit"] > 0


def test_what_a_network_is_off_shows_in_the_mask_only(faces: Faces) -> None:
    """A blend 0.1 off is a mean square of 0.01 in the mask (less at its rim), none far from it."""
    pair = next(make_pairs(faces, 1, CPU))
    pair.x.mul_(0.5)  # away from the range's ends, where results are clipped
    pair.paste.mul_(0.5)
    figures, result = measure_edit(Perfect(error=0.1), pair)
    assert 0.009 < figures.mse_ref < 0.01
    assert figures.network_mse_ref == pytest.approx(0.01, rel=0.05)
    assert torch.equal(result[..., :10, :], pair.x[..., :10, :])


def test_composite_fades_and_stays_within_range() -> None:
    """The correction counts whole inside the mask, not at all far from it, and is clipped."""
    mask = torch.zeros(1, 1, 256, 256)
    mask[..., 100:156, 100:156] = 1.0
    result = composite(torch.zeros(1, 3, 256, 256), torch.full((1, 3, 256, 256), 5.0), mask)
    assert result[0, 0, 128, 128] == 1.0
    assert result[0, 0, 128, 70] == 0.0
    assert 0.0 < result[0, 0, 128, 94] < 1.0 or 0.0 < result[0, 0, 128, 86] < 1.0
