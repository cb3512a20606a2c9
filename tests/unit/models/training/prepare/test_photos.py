"""Photos are listed in a fixed order with their collections, and decoded only if it is safe."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.training.prepare import photos
from models.training.prepare.outcomes import PhotoError, Reason
from models.training.prepare.photos import find_photos, read_photo, to_srgb


def _touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8)).save(path)


def test_subfolders_are_collections(tmp_path: Path) -> None:
    """Photos outside of subfolders are a collection too; deeper folders belong to the first."""
    for name in ("z.jpg", "b/1.PNG", "b/deep/er/2.webp", "a/3.jpeg", "a/.hidden/4.jpg", "a/.5.jpg"):
        _touch(tmp_path / name)
    (tmp_path / "a" / "Licence.txt").write_text("\n CC BY 4.0 \nmore\n")
    (tmp_path / "b" / "clip.mp4").touch()
    (tmp_path / "c").mkdir()
    found = find_photos(tmp_path)
    assert [(p.name, p.source) for p in found.photos] == [
        ("z.jpg", 0), ("a/3.jpeg", 1), ("b/1.PNG", 2), ("b/deep/er/2.webp", 2),
    ]  # fmt: skip
    assert [(c.name, c.licence) for c in found.collections] == [
        (".", "not stated"), ("a", "CC BY 4.0"), ("b", "not stated"),
    ]  # fmt: skip
    assert dict(found.passed_over) == {".mp4": 1}


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    """A linked folder is listed once, also when it leads back to where it began."""
    _touch(tmp_path / "a" / "1.jpg")
    (tmp_path / "a" / "again").symlink_to(tmp_path)
    (tmp_path / "a" / "lost.jpg").symlink_to(tmp_path / "nowhere")
    assert [p.name for p in find_photos(tmp_path).photos] == ["a/1.jpg"]


def test_a_byte_tells_no_more_than_256_collections_apart(tmp_path: Path) -> None:
    """With more the listing is refused and says what to do."""
    for number in range(257):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "1.jpg").touch()
    with pytest.raises(ValueError, match="257 subfolders"):
        find_photos(tmp_path)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photos_stand_upright(tmp_path: Path, orientation: int) -> None:
    """All eight orientations that EXIF knows, rotated and mirrored, give the same picture."""
    upright = np.zeros((40, 60, 3), np.uint8)
    upright[:10, :20] = 255  # top left
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }  # fmt: skip
    stored = Image.fromarray(upright)
    if orientation in undo:
        stored = stored.transpose(undo[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(read_photo(tmp_path / "a.png").pixels, upright)


def test_every_kind_of_pixel_becomes_rgb(tmp_path: Path) -> None:
    """Grey, palette, 16-bit, CMYK and half-transparent pictures are read."""
    grey = np.tile(np.linspace(0, 255, 32).astype(np.uint8), (32, 1))
    kinds = {
        "grey.png": Image.fromarray(grey),
        "palette.png": Image.fromarray(grey).convert("P"),
        "deep.png": Image.fromarray(grey.astype(np.uint16) * 257),
        "print.jpg": Image.fromarray(grey).convert("CMYK"),
    }
    for name, picture in kinds.items():
        picture.save(tmp_path / name)
        pixels = read_photo(tmp_path / name).pixels
        assert pixels.shape == (32, 32, 3)
        assert np.abs(pixels[..., 1].astype(int) - grey).max() < 16, name
    Image.new("RGBA", (8, 8), (255, 0, 0, 0)).save(tmp_path / "clear.png")
    assert (read_photo(tmp_path / "clear.png").pixels == 128).all()


def _reason(path: Path) -> Reason:
    with pytest.raises(PhotoError) as caught:
        read_photo(path)
    assert str(caught.value)
    return caught.value.reason


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    """Cut short, no picture at all, empty, gone: each is an answer and no crash."""
    Image.effect_noise((200, 200), 50).save(tmp_path / "whole.jpg")
    (tmp_path / "half.jpg").write_bytes((tmp_path / "whole.jpg").read_bytes()[:3000])
    (tmp_path / "text.png").write_text("<html>not found</html>")
    (tmp_path / "empty.webp").touch()
    for name in ("half.jpg", "text.png", "empty.webp"):
        assert _reason(tmp_path / name) is Reason.DAMAGED
    assert _reason(tmp_path / "gone.jpg") is Reason.UNREADABLE


def test_a_bomb_is_refused_by_its_header(tmp_path: Path) -> None:
    """A small file that claims ten billion pixels is refused before any is decoded."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b"")
    (tmp_path / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    assert _reason(tmp_path / "bomb.png") is Reason.TOO_LARGE


def test_a_huge_jpeg_is_decoded_smaller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A JPEG with more pixels than are worked on is read at a half or a quarter, not refused."""
    Image.linear_gradient("L").resize((400, 320)).save(tmp_path / "a.jpg")
    monkeypatch.setattr(photos, "_JPEG_PIXELS", 400 * 320 // 5)
    monkeypatch.setattr(photos, "MOST_PIXELS", 400 * 320 // 5)
    assert read_photo(tmp_path / "a.jpg").pixels.shape == (80, 100, 3)


def test_a_broken_colour_profile_changes_nothing() -> None:
    """A profile that cannot be used leaves the numbers as they are; sRGB's own does as well."""
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    assert np.array_equal(to_srgb(pixels, b"no profile"), pixels)
    assert np.array_equal(to_srgb(pixels, None), pixels)
    from PIL import ImageCms

    own = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert np.abs(to_srgb(pixels, own).astype(int) - pixels).max() <= 1


@pytest.mark.skipif(os.name != "posix" or os.getuid() == 0, reason="root may read everything")
def test_closed_folders_are_told(tmp_path: Path) -> None:
    """A folder that may not be read is named, the others are listed."""
    _touch(tmp_path / "a" / "1.jpg")
    _touch(tmp_path / "b" / "2.jpg")
    (tmp_path / "b").chmod(0)
    found = find_photos(tmp_path)
    (tmp_path / "b").chmod(0o700)
    assert (found.closed, len(found.photos)) == (["b"], 1)
