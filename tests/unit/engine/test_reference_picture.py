"""What becomes of a file that somebody hands over as a reference face.

The dangers it guards against: a small file that unpacks to gigabytes, a file that is no picture,
a place or name in the EXIF data that stays in the library.
"""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from vcam.config.library import ReferenceLibrary
from vcam.engine import reference_picture
from vcam.engine.reference_picture import add_reference, cut_face, decode
from vcam.errors import ConfigError, ReferencePictureError

ORIENTATION, GPS = 0x0112, 0x8825


def gradient(width: int, height: int) -> Image.Image:
    """Red grows to the right, green grows downward."""
    x = np.linspace(0, 255, width)[None, :, None].repeat(height, 0)
    y = np.linspace(0, 255, height)[:, None, None].repeat(width, 1)
    return Image.fromarray(np.concatenate([x, y, np.zeros_like(x)], 2).astype(np.uint8))


def encoded(picture: Image.Image, form: str = "PNG", **options) -> bytes:
    """A picture as a file's bytes."""
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it has so many pixels, and has some of them."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(100_000))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


class FakeDetector:
    """Finds the faces that a test places: (x, y, size) in pixels of the whole picture.

    Faces show as squares of pure blue; that is how it finds them in any cut or size.
    """

    def __init__(self):
        self.closed = False

    def faces_in(self, pixels):
        """Landmarks at the corners and edges of each blue square."""
        blue = (pixels[..., 2] > 200) & (pixels[..., 0] < 60)
        faces = []
        for columns in np.split(np.arange(blue.shape[1]), np.flatnonzero(~blue.any(0))):
            inside = blue[:, columns]
            rows = np.flatnonzero(inside.any(1))
            columns = columns[inside.any(0)]
            if len(columns) > 3 and len(rows) > 3:
                points = np.random.default_rng(1).uniform(0, 1, (478, 2)).astype(np.float32)
                points[:2] = (0, 0), (1, 1)
                low = np.array((columns[0], rows[0]), np.float32)
                high = np.array((columns[-1], rows[-1]), np.float32)
                faces.append(low + points * (high - low))
        return faces

    def close(self):
        """Let go."""
        self.closed = True


@pytest.fixture
def fake_faces(monkeypatch):
    """Blue squares are faces."""
    monkeypatch.setattr(reference_picture, "PictureLandmarks", FakeDetector)


def with_faces(width: int, height: int, *squares: tuple[int, int, int]) -> Image.Image:
    """A grey picture with faces at (left, top, size)."""
    picture = Image.new("RGB", (width, height), (120, 120, 120))
    for left, top, size in squares:
        picture.paste((0, 0, 255), (left, top, left + size, top + size))
    return picture


def code_of(content: bytes) -> str:
    """The code of the error that a file causes."""
    with pytest.raises(ReferencePictureError) as caught:
        cut_face(decode(content))
    assert caught.value.hint
    return caught.value.code


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "BMP"])
def test_usual_pictures_are_read(form):
    """JPEG, PNG, WebP and BMP come out as the RGB that went in."""
    pixels = np.asarray(decode(encoded(gradient(40, 30), form)))
    assert pixels.shape == (30, 40, 3)
    assert np.abs(pixels.astype(int) - np.asarray(gradient(40, 30))).mean() < 8


def test_a_photo_is_turned_the_right_way_up():
    """The camera's note on orientation is carried out, for nothing of it is kept."""
    exif = Image.Exif()
    exif[ORIENTATION] = 6  # to be turned by a quarter, clockwise
    pixels = np.asarray(decode(encoded(gradient(40, 30), "JPEG", exif=exif, quality=95)))
    assert pixels.shape == (40, 30, 3)
    assert pixels[35, 15, 0] > 200 > 60 > pixels[5, 15, 0]  # right is now below


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "LA", "1", "I;16", "CMYK"])
def test_every_kind_of_pixels_becomes_rgb(mode):
    """Grey, palette, transparent, black and white, 16-bit and printers' pictures."""
    if mode == "I;16":
        wide = np.linspace(0, 65535, 40 * 30).reshape(30, 40).astype(np.uint16)
        content = encoded(Image.fromarray(wide))
    else:
        content = encoded(gradient(40, 30).convert(mode), "JPEG" if mode == "CMYK" else "PNG")
    picture = decode(content)
    assert (picture.mode, picture.size) == ("RGB", (40, 30))
    assert np.ptp(np.asarray(picture)) > 100


def test_colour_profiles_are_carried_out():
    """A wide-gamut photo keeps its colours; a broken profile does not stop it."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = srgb.replace(b"rXYZ", b"----").replace(b"gXYZ", b"rXYZ").replace(b"----", b"gXYZ")
    red = Image.new("RGB", (40, 30), (200, 20, 20))
    assert decode(encoded(red, icc_profile=srgb)).getpixel((5, 5)) == (200, 20, 20)
    assert decode(encoded(red, icc_profile=b"no profile")).getpixel((5, 5)) == (200, 20, 20)
    r, g, b = np.asarray(decode(encoded(red, icc_profile=swapped)))[5, 5].astype(int)
    assert g > 150 > r  # in this profile the first number is green
    assert b < 60


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"this is a letter",
        encoded(gradient(40, 30), "GIF"),
        encoded(gradient(400, 300), "JPEG")[:2000],
        encoded(gradient(400, 300), "PNG")[:-400],
        b"\x89PNG\r\n\x1a\n" + bytes(100),
    ],
    ids=["empty", "text", "gif", "cut jpeg", "cut png", "png without anything"],
)
def test_what_is_no_picture_is_refused(content):
    """A file that is no picture of a known kind, or damaged, is said to be so."""
    assert code_of(content) == "reference-not-a-picture"


@pytest.mark.parametrize(
    ("size", "code"),
    [
        ((30_000, 30_000), "reference-too-large"),
        ((12_001, 100), "reference-too-large"),
        ((8_000, 7_000), "reference-too-large"),
        ((15, 4_000), "reference-too-small"),
    ],
)
def test_sizes_are_judged_before_anything_is_unpacked(size, code, monkeypatch):
    """A bomb, a small file that says it is huge, is refused by its header alone."""
    monkeypatch.setattr(Image.Image, "load", lambda *_: pytest.fail("pixels were decoded"))
    assert code_of(png_header(*size)) == code


def test_a_face_is_cut_with_room_around_it(fake_faces):
    """The face keeps room on all sides for the crop, at most 1024 px; points lie on it."""
    pixels, landmarks = cut_face(with_faces(4000, 3000, (1800, 1200, 600)))
    assert pixels.shape == (1024, 1024, 3)
    low, high = landmarks.min(0), landmarks.max(0)
    assert np.allclose((low + high) / 2, 512, atol=3)
    assert np.allclose(high - low, 1024 / 2.3, atol=6)
    assert (pixels[int(low[1]) + 3, int(low[0]) + 3] == (0, 0, 255)).all()


def test_a_cut_ends_at_the_pictures_edge(fake_faces):
    """A face near the edge gets what room there is, and is never enlarged."""
    pixels, landmarks = cut_face(with_faces(500, 400, (10, 20, 200)))
    assert np.allclose(pixels.shape, (350, 340, 3), atol=3)
    assert np.allclose(landmarks.min(0), (10, 20), atol=2)


@pytest.mark.parametrize(
    ("squares", "code"),
    [
        ([], "reference-no-face"),
        ([(100, 100, 200), (700, 100, 200)], "reference-several-faces"),
        ([(100, 100, 60)], "reference-too-small"),
    ],
)
def test_exactly_one_face_of_some_size(fake_faces, squares, code):
    """No face, two alike, or one too small to work with: each is told, with what to do."""
    assert code_of(encoded(with_faces(1000, 600, *squares))) == code


def test_a_small_face_in_the_background_does_not_count(fake_faces):
    """A portrait stays one when somebody passes by behind."""
    _, landmarks = cut_face(with_faces(1000, 600, (100, 100, 300), (800, 100, 60)))
    assert np.ptp(landmarks) > 200


def test_nothing_of_the_file_is_kept_but_the_face(fake_faces, library, tmp_path):
    """Place, camera and name of the owner are gone from picture and thumbnail."""
    exif = Image.Exif()
    exif[0x010F] = "Camera of Somebody"
    exif[GPS] = {1: "N", 2: (48.0, 8.0, 0.0)}
    path = tmp_path / "Anna at home.jpg"
    path.write_bytes(encoded(with_faces(800, 600, (200, 100, 300)), "JPEG", exif=exif, quality=95))
    card = add_reference(library, path)
    assert (card.id, card.title, card.built_in) == ("anna-at-home", "Anna at home", False)
    for file in (library.picture_path(card.id), library.thumbnail_path(card.id)):
        assert b"Somebody" not in file.read_bytes()
        with Image.open(file) as kept:
            assert (kept.format, dict(kept.getexif())) == ("WEBP", {})
    with Image.open(library.thumbnail_path(card.id)) as thumbnail:
        assert thumbnail.size == (160, 160)
    assert np.array(library.landmarks(card.id)).shape == (478, 2)


def test_the_same_file_again_is_the_same_face(fake_faces, library, tmp_path):
    """Under any file name; only a name of the user's own makes a second one."""
    content = encoded(with_faces(800, 600, (200, 100, 300)))
    for name in ("one.png", "two.png"):
        (tmp_path / name).write_bytes(content)
    first = add_reference(library, tmp_path / "one.png")
    assert add_reference(library, tmp_path / "two.png") == first
    assert add_reference(library, tmp_path / "two.png", "mine").id == "mine"
    other = encoded(with_faces(800, 600, (200, 100, 310)))
    (tmp_path / "one.png").write_bytes(other)
    assert add_reference(library, tmp_path / "one.png").id.startswith("one-")


@pytest.mark.parametrize(
    ("kind", "code"), [("gone", "reference-missing"), ("folder", "reference-missing")]
)
def test_what_cannot_be_read_is_told(library, tmp_path, kind, code):
    """A path without a file behind it."""
    path = tmp_path if kind == "folder" else tmp_path / "gone.png"
    with pytest.raises(ReferencePictureError) as caught:
        add_reference(library, path)
    assert caught.value.code == code


def test_a_file_too_large_is_not_read_to_its_end(library, tmp_path):
    """More than 20 MB are refused, whatever is in them."""
    path = tmp_path / "big.png"
    with path.open("wb") as file:
        file.truncate(3_000_000_000)
    with pytest.raises(ReferencePictureError) as caught:
        add_reference(library, path)
    assert caught.value.code == "reference-too-large"


def test_a_name_that_cannot_be_one(library, tmp_path):
    """The id is checked before anything is read."""
    with pytest.raises(ConfigError):
        add_reference(library, tmp_path / "x.png", "../x")


def test_the_real_face_finder_on_a_built_in_face(tmp_path):
    """A built-in face as a photo, even small in a large one, gives landmarks like its card's."""
    library = ReferenceLibrary(tmp_path)
    with Image.open(library.picture_path("first")) as file:
        face = file.convert("RGB")
    known = np.array(library.landmarks("first"))
    _, landmarks = cut_face(face)
    size = float(np.ptp(known, axis=0).max())
    shift = np.median(known - landmarks, axis=0)
    assert np.abs(landmarks + shift - known).max() < 0.03 * size
    room = Image.new("RGB", (face.width * 6, face.height * 6), (90, 110, 90))
    room.paste(face, (face.width * 3, face.height))
    cut, again = cut_face(room)
    assert np.abs((again - again.mean(0)) - (landmarks - landmarks.mean(0))).max() < 0.04 * size
    assert 0.4 < np.ptp(again, axis=0).max() / max(cut.shape) < 0.46
