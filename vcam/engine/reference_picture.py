"""Makes a reference face of a file that a user hands over.

In: bytes that nobody has looked at yet. Out: a picture of one face, at most 1024 px, without EXIF,
its landmarks and a thumbnail, kept in the library. Runs in the jobs process alone.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps

from vcam.config.library import ID_PATTERN, ReferenceCard, ReferenceLibrary
from vcam.errors import ConfigError, ReferencePictureError
from vcam.frame import Pixels
from vcam.regions import PictureLandmarks

MOST_BYTES = 20_000_000
LEAST_SIDE_PX, MOST_SIDE_PX, MOST_PIXELS = 16, 12_000, 50_000_000
LEAST_FACE_PX = 80  # below that there is less in the face than the edit works with
LONGER_SIDE_PX = 1024
THUMBNAIL_PX = 160

_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "AVIF")
_SEARCHED_PX = 2048  # faces are searched in a picture of at most this size
_MARGIN = 2.3  # side of the square kept around a face, in its own size: the crop, tilted, fits in
_THUMBNAIL_MARGIN = 1.5
_ALIKE = 0.5  # a second face counts from this share of the largest one's size on

Landmarks = NDArray[np.float32]


class _Box(NamedTuple):
    """Left, top, right, bottom, in pixels."""

    left: int
    top: int
    right: int
    bottom: int


def add_reference(
    library: ReferenceLibrary, path: Path, reference_id: str | None = None
) -> ReferenceCard:
    """Keep the face in a picture as a reference; the same file again is the same reference.

    reference_id: None makes one of the file's name.
    Raises: ReferencePictureError (reference-missing, -not-a-picture, -too-large, -too-small,
        -no-face, -several-faces, -built-in); ConfigError if the id cannot be one.
    """
    if reference_id is not None and not ID_PATTERN.fullmatch(reference_id):
        raise ConfigError(
            "setting-invalid",
            f"{reference_id!r} cannot be the name of a reference face.",
            "use small letters, digits and dashes, at most 64",
        )
    content = _read(path)
    digest = hashlib.sha256(content).hexdigest()
    known = library.find(digest)
    if known is not None and reference_id in (None, known.id):
        return known
    pixels, landmarks = cut_face(decode(content))
    title = path.stem.strip()[:64] or "Face"
    return library.add(
        reference_id or library.free_id(title, digest),
        title=title,
        source_sha256=digest,
        picture=_webp(pixels, quality=92),
        thumbnail=thumbnail(pixels, landmarks),
        landmarks=np.round(landmarks.astype(np.float64), 2).tolist(),
    )


def _read(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise FileNotFoundError(2, "there is no such file")
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ReferencePictureError(
            "reference-missing", f"{path} cannot be read: {error.strerror}.", "check the path"
        ) from error
    if len(content) > MOST_BYTES:
        raise ReferencePictureError(
            "reference-too-large",
            f"The file {path.name} is larger than {MOST_BYTES // 1_000_000} MB.",
            "save the picture smaller, for example as JPEG",
        )
    return content


def decode(content: bytes) -> Image.Image:
    """A picture as RGB in sRGB, turned the right way up.

    Its size is read and judged before any pixel is decoded.
    Raises: ReferencePictureError (reference-not-a-picture, -too-large, -too-small).
    """
    Image.init()
    Image.MAX_IMAGE_PIXELS = None  # our own limit is checked below, before pixels are decoded
    try:
        known = [name for name in _FORMATS if name in Image.OPEN]
        with Image.open(io.BytesIO(content), formats=known) as picture:
            _check_size(*picture.size)
            return _to_srgb(ImageOps.exif_transpose(picture))
    except (OSError, ValueError, SyntaxError, EOFError) as error:  # Pillow's, for broken files
        raise ReferencePictureError(
            "reference-not-a-picture",
            "The file is not a picture that vcam can read, or it is damaged.",
            f"use one of {', '.join(_FORMATS)}",
        ) from error


def _check_size(width: int, height: int) -> None:
    if min(width, height) < LEAST_SIDE_PX:
        raise ReferencePictureError(
            "reference-too-small",
            f"The picture has {width} x {height} pixels.",
            f"use one whose face is at least {LEAST_FACE_PX} pixels wide",
        )
    if max(width, height) > MOST_SIDE_PX or width * height > MOST_PIXELS:
        raise ReferencePictureError(
            "reference-too-large",
            f"The picture has {width} x {height} pixels.",
            f"use one of at most {MOST_PIXELS // 1_000_000} million",
        )


def _to_srgb(picture: Image.Image) -> Image.Image:
    """Colours as screens show them, without transparency and 16-bit depths."""
    profile = picture.info.get("icc_profile")
    if profile and picture.mode in ("RGB", "CMYK", "L"):
        try:
            source, target = ImageCms.ImageCmsProfile(io.BytesIO(profile)), _SRGB
            converted = ImageCms.profileToProfile(picture, source, target, outputMode="RGB")
            picture = converted or picture
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass  # a profile that does not belong to the picture: its plain numbers will do
    if picture.mode.startswith(("I", "F")):
        levels = np.asarray(picture, np.float64)
        scaled = levels / max(levels.max(), 255.0) * 255.0
        picture = Image.fromarray(scaled.astype(np.uint8))
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        grey = Image.new("RGBA", picture.size, (128, 128, 128, 255))
        picture = Image.alpha_composite(grey, picture)
    return picture.convert("RGB")


_SRGB = ImageCms.createProfile("sRGB")


def cut_face(picture: Image.Image) -> tuple[Pixels, Landmarks]:
    """The one face of a picture with room around it, and its landmarks in the cut.

    Raises: ReferencePictureError (reference-no-face, -several-faces, -too-small).
    """
    detector = PictureLandmarks()
    try:
        face = _only_face(picture, detector)
        box = _square_around(face, _MARGIN, *picture.size)
        cut = picture.crop(box)
        cut.thumbnail((LONGER_SIDE_PX, LONGER_SIDE_PX), Image.Resampling.LANCZOS)
        pixels = np.asarray(cut)
        # Looked at again, larger: the points are finer than those of the search.
        again = detector.faces_in(pixels)
    finally:
        detector.close()
    scale = cut.width / (box.right - box.left)
    expected = ((face + 0.5 - (box.left, box.top)) * scale - 0.5).astype(np.float32)
    found = [one for one in again if _overlap(one, expected) > 0.5]
    return pixels, found[0] if found else expected


def thumbnail(pixels: Pixels, landmarks: Landmarks) -> bytes:
    """A small square of the face, WebP."""
    height, width = pixels.shape[:2]
    box = _square_around(landmarks, _THUMBNAIL_MARGIN, width, height)
    square = ImageOps.fit(Image.fromarray(pixels).crop(box), (THUMBNAIL_PX, THUMBNAIL_PX))
    return _webp(np.asarray(square), quality=85)


def _only_face(picture: Image.Image, detector: PictureLandmarks) -> Landmarks:
    """Landmarks of the one face, in pixels of the picture.

    The detector overlooks faces that are small in the picture, so halves and, if need be, quarters
    of it are searched as well.
    """
    small = picture.copy()
    small.thumbnail((_SEARCHED_PX, _SEARCHED_PX))
    scale = picture.width / small.width
    faces: list[Landmarks] = []
    for parts in (1, 2, 4):
        if parts == 4 and faces:
            break
        for box in _windows(*small.size, parts):
            found = detector.faces_in(np.asarray(small.crop(box)))
            shifted = [one + np.array(box[:2], np.float32) for one in found]
            faces += [one for one in shifted if all(_overlap(one, f) < 0.2 for f in faces)]
    faces.sort(key=_size, reverse=True)
    if not faces:
        raise ReferencePictureError(
            "reference-no-face",
            "No face was found in the picture.",
            "use one that shows a face from the front, in good light",
        )
    if len(faces) > 1 and _size(faces[1]) > _ALIKE * _size(faces[0]):
        raise ReferencePictureError(
            "reference-several-faces",
            "There are several faces in the picture.",
            "cut it so that only one is left",
        )
    face = ((faces[0] + 0.5) * scale - 0.5).astype(np.float32)
    if _size(face) < LEAST_FACE_PX:
        raise ReferencePictureError(
            "reference-too-small",
            f"The face in the picture is only {_size(face):.0f} pixels large.",
            f"use one with at least {LEAST_FACE_PX}",
        )
    return face


def _windows(width: int, height: int, parts: int) -> list[_Box]:
    """Overlapping windows of a `parts`-th of the longer side, all over the picture."""
    side = -(-max(width, height) // parts)
    lefts = np.linspace(0, max(width - side, 0), 2 * (-(-width // side)) - 1).astype(int).tolist()
    tops = np.linspace(0, max(height - side, 0), 2 * (-(-height // side)) - 1).astype(int).tolist()
    return [
        _Box(left, top, min(left + side, width), min(top + side, height))
        for top in tops
        for left in lefts
    ]


def _size(face: Landmarks) -> float:
    """The longer side of the box around a face, in pixels."""
    return float(np.ptp(face, axis=0).max())


def _overlap(one: Landmarks, other: Landmarks) -> float:
    """How much of the smaller of two faces' boxes lies in the other, 0..1."""
    low = np.maximum(one.min(0), other.min(0))
    high = np.minimum(one.max(0), other.max(0))
    common = float(np.prod(np.maximum(high - low, 0.0)))
    return common / max(float(min(np.prod(np.ptp(one, 0)), np.prod(np.ptp(other, 0)))), 1.0)


def _square_around(face: Landmarks, margin: float, width: int, height: int) -> _Box:
    """A square around a face, `margin` times its size, as far as it lies in the picture."""
    x, y = ((face.min(0) + face.max(0)) / 2).tolist()
    half = _size(face) * margin / 2
    return _Box(
        max(round(x - half), 0),
        max(round(y - half), 0),
        min(round(x + half), width),
        min(round(y + half), height),
    )


def _webp(pixels: Pixels, quality: int) -> bytes:
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, "WEBP", quality=quality, method=6)
    return encoded.getvalue()
