"""Still pictures as a source."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.unit.capture.numbered_pictures import numbered
from vcam.capture.picture import open_picture, read_picture
from vcam.errors import SourceError


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tiff"])
def test_lossless_picture_comes_bit_for_bit(make_picture, name: str):
    """A lossless picture arrives with its very pixels, in RGB."""
    np.testing.assert_array_equal(read_picture(make_picture(numbered(3), name)), numbered(3))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(
    ("orientation", "corner"), [(1, (0, 0)), (3, (-1, -1)), (6, (0, -1)), (8, (-1, 0))]
)
def test_picture_comes_upright(tmp_path: Path, kind: str, orientation: int, corner):
    """A photograph that its EXIF data calls turned comes the right way up."""
    exif = Image.Exif()
    exif[0x112] = orientation
    path = tmp_path / f"photo.{kind.lower()}"
    Image.fromarray(numbered(3)).save(path, kind, exif=exif, quality=95)
    pixels = read_picture(path)
    assert pixels.shape == ((48, 64, 3) if orientation < 5 else (64, 48, 3))
    red = pixels[..., 0].astype(int) - pixels[..., 1]
    assert red[corner] > 120
    assert sum(int(red[y, x] > 120) for y in (0, -1) for x in (0, -1)) == 1


def test_transparency_is_ignored(tmp_path: Path):
    """A picture with transparency comes as plain RGB."""
    path = tmp_path / "logo.png"
    Image.new("RGBA", (20, 10), (10, 200, 30, 0)).save(path)
    pixels = read_picture(path)
    assert pixels.shape == (10, 20, 3)
    assert pixels[5, 5].tolist() == [10, 200, 30]


def test_huge_picture_is_brought_to_the_largest_output(tmp_path: Path):
    """A picture larger than any output is kept no larger than that, in its proportions."""
    path = tmp_path / "huge.png"
    Image.new("L", (8000, 1000), 77).save(path)
    pixels = read_picture(path)
    assert pixels.shape == (480, 3840, 3)
    assert (pixels == 77).all()


@pytest.mark.parametrize("keep", [0, 3, 40, 200])
def test_damaged_picture_is_said_so(make_picture, keep: int):
    """A picture that is cut off or empty is refused, with a hint."""
    path = make_picture(np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8), "a.jpg")
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(SourceError) as caught:
        open_picture(path, spec="a.jpg", lockstep=False, fps=30)
    assert caught.value.code == "source-damaged"
    assert caught.value.hint


def test_live_picture_repeats_at_the_rate_asked_for(make_picture):
    """A live picture states the rate it was asked for and gives the same picture again."""
    source = open_picture(make_picture(numbered(1)), spec="a.png", lockstep=False, fps=60)
    assert source.info.fps == 60
    assert source.read() is source.read()
