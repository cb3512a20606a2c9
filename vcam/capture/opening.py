"""From the name of a source, as the user writes it, to an open source.

`auto`, `camera`, `camera:NAME|PATH|INDEX`, `demo`, or the path of a clip or picture.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from vcam.capture.cameras import find_camera, list_cameras
from vcam.capture.source import Source
from vcam.config.settings import nearest_name
from vcam.errors import SourceError

_NAMES = ("auto", "camera", "demo")
_DEVICES = ("/dev/video", "/dev/v4l/")

logger = logging.getLogger(__name__)


def is_file_source(spec: str) -> bool:
    """Whether `spec` names a clip or picture, which can run in lockstep."""
    return spec not in _NAMES and not spec.startswith(("camera:", *_DEVICES))


def open_source(spec: str, *, lockstep: bool, size: tuple[int, int], fps: int) -> Source:
    """Open the source that `spec` names.

    lockstep: a clip or picture gives every frame once and then ends; live it loops on its own
        timeline. size: width and height that a camera is asked for. fps: what a camera is asked
        for, and how often a live picture repeats.
    Convention: `auto` is the first camera that gives pictures, else the demo. A camera that is
        there but busy or denied is an error, not a reason to show somebody else.
    Raises: SourceError: source-missing, -busy, -denied, -lost, -damaged, -unknown.
    """
    if spec == "auto":
        return _open_auto(size, fps)
    if spec == "demo":
        return _open_demo(lockstep=lockstep)
    if not is_file_source(spec):
        from vcam.capture.camera import CameraSource

        return CameraSource(find_camera(_camera_named_by(spec)), size=size, fps=fps)
    return _open_file(spec, lockstep=lockstep, fps=fps)


def require_source(spec: str) -> None:
    """Refuse a source that plainly is not there; opens nothing but a file's first bytes.

    Raises: SourceError: source-missing, -unknown, -denied, -damaged.
    """
    if spec in ("auto", "demo"):
        return
    if is_file_source(spec):
        _holds_picture(Path(spec).expanduser())
    else:
        find_camera(_camera_named_by(spec))


def source_path(spec: str) -> Path | None:
    """The file or device that this source reads and no sink may write to; None if not known yet."""
    if is_file_source(spec):
        return Path(spec).expanduser()
    camera = _camera_named_by(spec)
    if sys.platform != "linux" or spec in ("auto", "demo") or not camera:
        return None  # elsewhere an output is no file
    try:
        return Path(find_camera(camera).path)
    except SourceError:
        return None


def _camera_named_by(spec: str) -> str:
    """The name, path or number in `camera:X`, or the path that a device is given by."""
    return spec if spec.startswith(_DEVICES) else spec.removeprefix("camera").lstrip(":")


def _open_demo(*, lockstep: bool) -> Source:
    from vcam.capture.demo import open_demo  # PyAV is loaded only here

    return open_demo(lockstep=lockstep)


def _open_auto(size: tuple[int, int], fps: int) -> Source:
    from vcam.capture.camera import CameraSource

    refused: SourceError | None = None
    for camera in list_cameras():
        try:
            return CameraSource(camera, size=size, fps=fps)
        except SourceError as error:
            logger.warning("%s %s", error, error.hint)
            if refused is None and error.code in ("source-busy", "source-denied"):
                refused = error
    if refused is not None:
        raise refused
    return _open_demo(lockstep=False)


def _open_file(spec: str, *, lockstep: bool, fps: int) -> Source:
    path = Path(spec).expanduser()
    if _holds_picture(path):
        from vcam.capture.picture import open_picture

        return open_picture(path, spec=spec, lockstep=lockstep, fps=fps)
    from vcam.capture.clip import ClipSource

    return ClipSource(path, spec=spec, lockstep=lockstep)


def _holds_picture(path: Path) -> bool:
    """Whether the file begins like a still picture; the name's ending is not asked.

    Raises: SourceError source-missing, source-unknown, source-denied or source-damaged if there
        is no file that could be read.
    """
    try:
        if path.exists() and not path.is_file():
            raise SourceError(
                "source-damaged",
                f"{path} is not a file.",
                "Give the path of one clip or picture with --source.",
            )
        with path.open("rb") as file:
            head = file.read(12)
    except FileNotFoundError as error:
        raise _missing(path) from error
    except OSError as error:
        raise SourceError(
            "source-denied", f"{path} may not be read: {error.strerror}.", "Check its permissions."
        ) from error
    return head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM", b"II*\0", b"MM\0*")) or (
        head[:4] == b"RIFF" and head[8:] == b"WEBP"
    )


def _missing(path: Path) -> SourceError:
    if path.suffix or path.name != str(path):
        return SourceError(
            "source-missing",
            f"There is no file {path}.",
            "Check the path; --source demo works without a file.",
        )
    return SourceError(
        "source-unknown",
        f"There is no source called {str(path)!r}, and no file of that name.",
        nearest_name(str(path), _NAMES),
    )
