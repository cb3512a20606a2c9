"""The conversion to I420: the colours that every reader expects."""

import cv2
import numpy as np
import pytest

from vcam.publish.sinks.i420 import I420Converter

# RGB -> Y, U, V of ITU-R BT.601, limited range: the standard's own corner colours.
BT601 = {
    (0, 0, 0): (16, 128, 128),
    (255, 255, 255): (235, 128, 128),
    (255, 0, 0): (81, 90, 240),
    (0, 255, 0): (145, 54, 34),
    (0, 0, 255): (41, 240, 110),
}


@pytest.mark.parametrize(("rgb", "yuv"), BT601.items())
def test_colours_are_bt601_limited(rgb, yuv):
    """Pure colours land on BT.601's values within a rounding step."""
    picture = np.full((8, 12, 3), rgb, np.uint8)
    planes = I420Converter(12, 8).convert(picture)
    flat = planes.reshape(-1)
    assert planes.shape == (12, 12)
    for part, value in zip((flat[:96], flat[96:120], flat[120:]), yuv, strict=True):
        assert np.abs(part.astype(int) - value).max() <= 1


def test_a_reader_gets_the_picture_back():
    """OpenCV, as a reader, decodes a smooth picture to within a few values of the original."""
    small = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    picture = cv2.resize(small, (96, 64), interpolation=cv2.INTER_CUBIC)
    back = cv2.cvtColor(I420Converter(96, 64).convert(picture), cv2.COLOR_YUV2RGB_I420)
    difference = np.abs(back.astype(int) - picture)
    assert difference.mean() < 4
    assert np.percentile(difference, 99) < 20


def test_chroma_is_the_average_of_four_pixels():
    """A fine pattern of red and blue becomes their mean, not whichever stands first."""
    picture = np.zeros((8, 8, 3), np.uint8)
    picture[:, 0::2], picture[:, 1::2] = (255, 0, 0), (0, 0, 255)
    flat = I420Converter(8, 8).convert(picture).reshape(-1)
    assert set(flat[64:80]) == {165}
    assert set(flat[80:]) == {175}


def test_the_buffer_is_kept():
    """Converting allocates no new picture."""
    converter = I420Converter(8, 8)
    picture = np.zeros((8, 8, 3), np.uint8)
    assert converter.convert(picture) is converter.convert(picture)


def test_odd_sizes_are_refused():
    """I420 has half the rows and columns of chroma."""
    with pytest.raises(ValueError, match="even"):
        I420Converter(7, 8)
