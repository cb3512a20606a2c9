"""Which photos there are, and their pixels."""

from __future__ import annotations

import hashlib
import io
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps

from models.training.prepare.outcomes import PhotoError, Pixels, Reason

MOST_COLLECTIONS = 256  # `source` is a byte
MOST_BYTES = 250_000_000
MOST_PIXELS = 100_000_000
"""Of what is decoded: 300 MB. A larger JPEG is decoded at half or a quarter of its size."""

_JPEG_PIXELS = 50_000_000  # decoded at full size; faces in larger photos are large as well
_NOT_PHOTOS = {".csv", ".json", ".md", ".npz", ".txt", ""}
_LICENCE_NAMES = {
    name + ending for name in ("licence", "license") for ending in ("", ".txt", ".md")
}
_LICENCE_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Photo:
    """A file that is taken for a photo, unread."""

    name: str  # path in the folder of photos, with slashes
    source: int  # number of its collection
    stamp: int  # size and time of the file, mixed: another number if it was changed


@dataclass(frozen=True, slots=True)
class Collection:
    """One first-level subfolder, or the photos outside of all of them."""

    name: str  # "." for the latter
    licence: str  # first line of its licence file, or "not stated"


@dataclass(frozen=True, slots=True)
class Listing:
    """What lies in a folder of photos."""

    photos: list[Photo]  # folder by folder, by name; always the same order
    collections: list[Collection]  # `source` is the place in this list
    passed_over: Counter[str]  # files of other kinds, by ending
    closed: list[str]  # folders that may not be read


@dataclass(frozen=True, slots=True)
class Photograph:
    """A decoded photo, upright."""

    pixels: Pixels
    digest: str  # SHA-256 of the file
    profile: bytes | None  # the ICC profile of its numbers, if they are not sRGB's


def endings() -> set[str]:
    """Endings of the files that are taken for photos: HEIC too, if this Pillow reads it."""
    Image.init()
    readable = {e for e, kind in Image.registered_extensions().items() if kind in Image.OPEN}
    return {".jpg", ".jpeg", ".png", ".webp"} | (readable & {".heic", ".heif"})


def find_photos(folder: Path) -> Listing:
    """List the photos of a folder and of all folders below; hidden ones are left out.

    Links are followed; a folder that was listed already is not listed again.
    Raises: ValueError if there are more than 256 collections.
    """
    wanted, listing = endings(), Listing([], [], Counter(), [])
    seen: set[tuple[int, int]] = set()
    numbers: dict[str, int] = {}

    def list_below(below: Path, collection: str) -> None:
        status = below.stat()
        if (status.st_dev, status.st_ino) in seen:
            return
        seen.add((status.st_dev, status.st_ino))
        try:
            entries = sorted(os.scandir(below), key=lambda entry: entry.name)
        except OSError:
            listing.closed.append(below.relative_to(folder).as_posix())
            return
        folders: list[Path] = []
        for entry in entries:
            if entry.name.startswith("."):
                continue
            path, ending = Path(entry.path), Path(entry.name).suffix.lower()
            if entry.is_dir():
                folders.append(path)
            elif ending in wanted and entry.is_file():
                source = numbers.setdefault(collection, len(numbers))
                name = path.relative_to(folder).as_posix()
                listing.photos.append(Photo(name, source, _stamp(entry.stat())))
            elif ending not in _NOT_PHOTOS:
                listing.passed_over[ending] += 1
        for path in folders:
            list_below(path, path.name if below == folder else collection)

    list_below(folder, ".")
    if len(numbers) > MOST_COLLECTIONS:
        raise ValueError(
            f"{folder} has {len(numbers)} subfolders with photos, a shard can tell "
            f"{MOST_COLLECTIONS} apart; put several into one"
        )
    listing.collections.extend(Collection(name, _licence(folder / name)) for name in numbers)
    return listing


def read_photo(path: Path) -> Photograph:
    """Decode a photo, turned upright by its EXIF; its size is judged before its pixels are.

    Raises: PhotoError (UNREADABLE, DAMAGED, TOO_LARGE).
    """
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise PhotoError(Reason.UNREADABLE, error.strerror or str(error)) from error
    if len(content) > MOST_BYTES:
        raise PhotoError(Reason.TOO_LARGE, f"the file has more than {MOST_BYTES:,} bytes")
    endings()  # Pillow knows its formats
    Image.MAX_IMAGE_PIXELS = None  # our own limit is checked below, before pixels are decoded
    formats = [kind for kind in ("JPEG", "PNG", "WEBP", "HEIF") if kind in Image.OPEN]
    try:
        with Image.open(io.BytesIO(content), formats=formats) as picture:
            _shrink_or_refuse(picture)
            profile = picture.info.get("icc_profile")
            upright = _to_rgb(ImageOps.exif_transpose(picture))
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError) as error:  # Pillow's
        raise PhotoError(Reason.DAMAGED, str(error) or type(error).__name__) from error
    return Photograph(
        np.asarray(upright),
        hashlib.sha256(content).hexdigest(),
        profile if picture.mode == "RGB" and isinstance(profile, bytes) else None,
    )


def to_srgb(pixels: Pixels, profile: bytes | None) -> Pixels:
    """Colours as screens and webcams have them; a broken profile changes nothing.

    Done to the crop, for it is slow: half a second for a whole photo.
    """
    if profile is None:
        return pixels
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(
            Image.fromarray(pixels), source, ImageCms.createProfile("sRGB")
        )
    except (ImageCms.PyCMSError, OSError, ValueError):
        return pixels
    return pixels if converted is None else np.asarray(converted)


def _shrink_or_refuse(picture: Image.Image) -> None:
    width, height = picture.size
    if picture.format in ("JPEG", "MPO") and width * height > _JPEG_PIXELS:
        needed = (width * height / _JPEG_PIXELS) ** 0.5
        divisor = next((k for k in (2, 4) if k >= needed), 8)
        picture.draft(None, (width // divisor, height // divisor))
    if picture.width * picture.height > MOST_PIXELS:
        raise PhotoError(Reason.TOO_LARGE, f"{width} x {height} pixels")


def _to_rgb(picture: Image.Image) -> Image.Image:
    """8-bit RGB; what is transparent becomes grey."""
    if picture.mode.startswith(("I", "F")):  # 16-bit and float greys: brightest to white
        levels = np.asarray(picture, np.float64)
        picture = Image.fromarray((levels / max(levels.max(), 255.0) * 255.0).astype(np.uint8))
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        grey = Image.new("RGBA", picture.size, (128, 128, 128, 255))
        picture = Image.alpha_composite(grey, picture)
    return picture.convert("RGB")


def _licence(folder: Path) -> str:
    try:
        for path in sorted(folder.iterdir()):
            if path.name.lower() in _LICENCE_NAMES:
                lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
                first = next((line.strip() for line in lines if line.strip()), "")
                return first[:_LICENCE_CHARACTERS] or "not stated"
    except OSError:
        pass  # a licence that cannot be read states nothing
    return "not stated"


def _stamp(status: os.stat_result) -> int:
    text = f"{status.st_size} {status.st_mtime_ns}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big")
