"""The fit to the output's size."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcam.capture import Fit, even_size
from vcam.frame import Pixels

HOWS = ["letterbox", "crop"]
sides = st.integers(1, 90)
even_sides = st.integers(1, 45).map(lambda half: 2 * half)


def dirty(wh: tuple[int, int]) -> Pixels:
    """A buffer with an older picture in it."""
    return np.full((wh[1], wh[0], 3), 99, np.uint8)


def noise(wh: tuple[int, int]) -> Pixels:
    """A picture that shows every resampling."""
    return np.random.default_rng(7).integers(0, 256, (wh[1], wh[0], 3), np.uint8)


@pytest.mark.parametrize("how", HOWS)
def test_same_size_is_the_same_picture(how):
    """At its own size a picture passes untouched and uncopied."""
    pixels, out = noise((64, 48)), dirty((64, 48))
    assert Fit((64, 48), (64, 48), how)(pixels, out) is pixels
    assert (out == 99).all()


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("source_wh", [(65, 48), (64, 49), (65, 49)])
def test_odd_picture_loses_a_line_and_nothing_else(how, source_wh: tuple[int, int]):
    """A picture of odd size keeps every pixel but the last row or column."""
    pixels = noise(source_wh)
    assert even_size(*source_wh) == (64, 48)
    fitted = Fit(source_wh, even_size(*source_wh), how)(pixels, dirty((64, 48)))
    np.testing.assert_array_equal(fitted, pixels[:48, :64])


@given(source_wh=st.tuples(sides, sides), output_wh=st.tuples(even_sides, even_sides))
def test_letterbox_shows_the_whole_picture_between_black_bars(source_wh, output_wh):
    """Any picture fits any output: an even, centred box of it, and black all around."""
    pixels = np.full((source_wh[1], source_wh[0], 3), 200, np.uint8)
    out = dirty(output_wh)
    assert Fit(source_wh, output_wh, "letterbox")(pixels, out) is out or source_wh == output_wh
    if source_wh == output_wh:
        return
    rows, columns = (np.flatnonzero((out == 200).all(2).any(axis)) for axis in (1, 0))
    top, left, height, width = rows[0], columns[0], len(rows), len(columns)
    assert {top % 2, left % 2, height % 2, width % 2} == {0}
    assert (out[top : top + height, left : left + width] == 200).all()
    assert int((out == 0).all(2).sum()) == output_wh[0] * output_wh[1] - width * height
    assert height == output_wh[1] or width == output_wh[0]
    assert abs((output_wh[1] - height) / 2 - top) <= 1
    assert abs((output_wh[0] - width) / 2 - left) <= 1


@given(source_wh=st.tuples(sides, sides), output_wh=st.tuples(even_sides, even_sides))
def test_crop_fills_the_output(source_wh, output_wh):
    """Cropped, a picture covers every pixel of the output."""
    pixels = np.full((source_wh[1], source_wh[0], 3), 200, np.uint8)
    fitted = Fit(source_wh, output_wh, "crop")(pixels, dirty(output_wh))
    assert fitted.shape == (output_wh[1], output_wh[0], 3)
    assert (fitted == 200).all()


def test_crop_takes_the_middle():
    """Cropped, what stands over goes evenly from both sides, and the rest is not resampled."""
    pixels = noise((100, 48))
    fitted = Fit((100, 48), (64, 48), "crop")(pixels, dirty((64, 48)))
    np.testing.assert_array_equal(fitted, pixels[:, 18:82])


def test_letterbox_at_scale_one_is_bit_exact():
    """A picture that only needs bars keeps its very pixels."""
    pixels = noise((64, 48))
    fitted = Fit((64, 48), (64, 64))(pixels, dirty((64, 64)))
    np.testing.assert_array_equal(fitted[8:56], pixels)


@pytest.mark.parametrize("factor", [2, 3, 4, 5])
def test_reducing_averages_instead_of_picking(factor: int):
    """A fine checkerboard made smaller is an even grey, not a pattern of picked pixels."""
    side = 48 * factor
    board = ((np.indices((side, side)).sum(0) % 2) * 255).astype(np.uint8)
    pixels = np.repeat(board[..., None], 3, axis=2)
    fitted = Fit((side, side), (48, 48))(pixels, dirty((48, 48)))
    assert abs(float(fitted.mean()) - 127.5) < 2
    assert int(fitted.max()) - int(fitted.min()) < 40 or factor == 3


@pytest.mark.parametrize("how", HOWS)
def test_proportions_are_kept(how):
    """A circle stays a circle when made larger or smaller."""
    y, x = np.mgrid[:300, :400]
    disc = np.where((x - 200) ** 2 + (y - 150) ** 2 < 100**2, 255, 0).astype(np.uint8)
    pixels = np.repeat(disc[..., None], 3, axis=2)
    for output_wh in ((160, 90), (640, 640), (1000, 600)):
        out = dirty(output_wh)
        shown = Fit((400, 300), output_wh, how)(pixels, out)[..., 0] > 127
        height, width = int(shown.any(1).sum()), int(shown.any(0).sum())
        assert abs(height - width) <= 2 or min(height, width) == min(output_wh)
        assert shown[output_wh[1] // 2, output_wh[0] // 2]


def test_nothing_is_written_outside_the_buffer():
    """The buffer may be a view into a larger one: only its own pixels change."""
    large = np.full((60, 80, 3), 99, np.uint8)
    Fit((31, 17), (40, 20))(noise((31, 17)), large[10:30, 20:60])
    outside = np.ones((60, 80), bool)
    outside[10:30, 20:60] = False
    assert (large[outside] == 99).all()
    assert not (large[10:30, 20:60] == 99).all()


@pytest.mark.parametrize(("source_wh", "output_wh"), [((64, 48), (63, 48)), ((0, 48), (64, 48))])
def test_impossible_sizes_are_refused(source_wh: tuple[int, int], output_wh: tuple[int, int]):
    """Odd outputs and empty pictures are a programmer's mistake, said at once."""
    with pytest.raises(ValueError, match="cannot fit"):
        Fit(source_wh, output_wh)


def test_wrong_shapes_are_refused():
    """A picture or buffer of another size than stated is refused, never read or written past."""
    fit = Fit((64, 48), (32, 24))
    with pytest.raises(ValueError, match="expected"):
        fit(noise((65, 48)), dirty((32, 24)))
    with pytest.raises(ValueError, match="expected"):
        fit(noise((64, 48)), dirty((34, 24)))
