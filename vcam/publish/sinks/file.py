"""Pictures written to a file: H.264 video, or the last picture alone.

A file appears under its name only when it is complete: until then it is a hidden one beside it,
readable by its owner only. Every file says in its metadata that a model edited it. PyAV is loaded
when a video is opened, not before.
"""

from __future__ import annotations

import os
import tempfile
from abc import abstractmethod
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from vcam.errors import SinkError
from vcam.frame.nouns import Pixels
from vcam.publish.sinks.base import Sink
from vcam.publish.sinks.i420 import I420Converter

if TYPE_CHECKING:
    from av import VideoStream
    from av.container import OutputContainer

MARK = "AI-edited by vcam"
VIDEO_FORMATS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
PICTURE_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}

_QUALITY = {"crf": "18", "preset": "veryfast"}  # hardly to be told from the frames themselves
_BT601, _BT709_PRIMARIES, _SRGB_TRANSFER, _LIMITED = 6, 1, 13, 1  # ITU-T H.273; FFmpeg's range


def open_file_sink(
    path: Path, *, width: int, height: int, fps: float, source: Path | None = None
) -> Sink:
    """A sink that writes video or a picture, as the path's ending says.

    source: the clip or picture that is being read, which is never written over.
    Raises: SinkError (sink-missing, sink-denied, sink-refused).
    """
    ending = path.suffix.lower()
    if source is not None and path.exists() and source.exists() and path.samefile(source):
        raise _refused(path, "is the source itself", "choose another name for the result")
    if ending in VIDEO_FORMATS:
        return VideoFileSink(path, width, height, fps)
    if ending in PICTURE_FORMATS:
        return PictureFileSink(path, width, height)
    known = ", ".join(e.lstrip(".") for e in (*VIDEO_FORMATS, *PICTURE_FORMATS))
    raise _refused(path, f"cannot be written: {ending or 'no ending'} is unknown", f"use {known}")


class _FileSink(Sink):
    """Writes to a hidden file and gives it its name when it is complete."""

    keeps = True

    def __init__(self, path: Path) -> None:
        self.name = f"file:{path}"
        self._path = path
        self._part = _hidden_beside(path)
        self._is_empty, self._is_broken = True, False

    def close(self) -> None:
        """Complete the file; without a single picture, or after a failure, there will be none."""
        try:
            self._finish()
            if not (self._is_empty or self._is_broken):
                self._part.replace(self._path)
        except (OSError, ValueError) as error:  # PyAV's errors are one of the two
            raise _failed(self._path, "could not be completed", error) from error
        finally:
            self._part.unlink(missing_ok=True)

    @abstractmethod
    def _finish(self) -> None:
        """Write what is still to be written."""


class VideoFileSink(_FileSink):
    """Encodes H.264, yuv420p, BT.601 and says so in the header.

    Frames lie on a grid of 1 / fps, each at its time of publishing; an odd row or column is cut,
    because chroma has half of each.
    """

    may_block = True

    def __init__(self, path: Path, width: int, height: int, fps: float) -> None:
        import av  # 0.25 s and 30 MB, only for those who record

        super().__init__(path)
        self._width, self._height = width - width % 2, height - height % 2
        self._rate = Fraction(fps).limit_denominator(1001)  # 29.97 is 30000/1001
        self._first_ns = 0
        self._place = -1
        self._converter = I420Converter(self._width, self._height)
        self._frame_of = av.VideoFrame.from_ndarray
        try:
            self._container = av.open(self._part, "w", format=VIDEO_FORMATS[path.suffix.lower()])
            self._stream = self._add_stream(self._container)
            self._container.start_encoding()
        except (OSError, ValueError) as error:
            self._part.unlink(missing_ok=True)
            raise _failed(path, "cannot be written", error) from error

    def _add_stream(self, container: OutputContainer) -> VideoStream:
        container.metadata.update(comment=MARK, description=MARK)
        stream = container.add_stream("libx264", rate=self._rate, options=_QUALITY)
        stream.width, stream.height, stream.pix_fmt = self._width, self._height, "yuv420p"
        context = stream.codec_context
        context.colorspace, context.color_range = _BT601, _LIMITED
        context.color_primaries, context.color_trc = _BT709_PRIMARIES, _SRGB_TRANSFER
        return stream

    def send(self, pixels: Pixels, at_ns: int) -> None:
        """Encode one frame at its place on the grid."""
        if self._is_empty:
            self._first_ns, self._is_empty = at_ns, False
        nearest = round((at_ns - self._first_ns) * self._rate / 1_000_000_000)
        self._place = max(self._place + 1, nearest)  # two may be nearest to one place
        planes = self._converter.convert(pixels[: self._height, : self._width])
        frame = self._frame_of(planes, format="yuv420p")
        frame.pts, frame.time_base = self._place, 1 / self._rate
        try:
            self._container.mux(self._stream.encode(frame))
        except (OSError, ValueError) as error:
            self._is_broken = True
            raise _failed(self._path, "could not be written", error) from error

    def _finish(self) -> None:
        if self._is_broken:
            # Not one packet more: PyAV 18 dies by SIGSEGV when it muxes after its header failed.
            with suppress(OSError, ValueError):
                self._container.close()
            return
        try:
            self._container.mux(self._stream.encode(None))
        finally:
            self._container.close()


class PictureFileSink(_FileSink):
    """Keeps the newest picture and writes it when closed: PNG, JPEG or WebP."""

    def __init__(self, path: Path, width: int, height: int) -> None:
        super().__init__(path)
        self._newest: Pixels = np.empty((height, width, 3), np.uint8)

    def send(self, pixels: Pixels, at_ns: int) -> None:
        """Keep it in place of the one before."""
        np.copyto(self._newest, pixels)
        self._is_empty = False

    def _finish(self) -> None:
        if self._is_empty:
            return
        picture = Image.fromarray(self._newest)
        ending = self._path.suffix.lower()
        if PICTURE_FORMATS[ending] == "PNG":
            info = PngInfo()
            info.add_text("Description", MARK)
            picture.save(self._part, "PNG", pnginfo=info)
            return
        exif = Image.Exif()
        exif[0x010E] = MARK  # ImageDescription
        picture.save(self._part, PICTURE_FORMATS[ending], exif=exif, quality=95)


def _hidden_beside(path: Path) -> Path:
    """A new empty file in the same folder, so that renaming it is one step."""
    if path.is_dir():
        raise _refused(path, "is a folder", "name a file in it")
    try:
        fd, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=".part")
    except FileNotFoundError as error:
        raise SinkError(
            "sink-missing", f"There is no folder {path.parent}.", f"mkdir -p {path.parent}"
        ) from error
    except PermissionError as error:
        raise SinkError(
            "sink-denied",
            f"This user may not write into {path.parent}.",
            "choose a folder of your own",
        ) from error
    except OSError as error:
        raise _failed(path, "cannot be written", error) from error
    os.close(fd)
    return Path(part)


def _refused(path: Path, how: str, hint: str) -> SinkError:
    return SinkError("sink-refused", f"{path} {how}.", hint)


def _failed(path: Path, how: str, error: Exception) -> SinkError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return SinkError(
        "sink-failed", f"{path} {how}: {reason}.", "see whether the disk is full, or choose another"
    )
