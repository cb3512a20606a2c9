"""Which cameras there are, and which of them a user means."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vcam.config.settings import nearest_name
from vcam.errors import SourceError

if TYPE_CHECKING:
    from vcam.capture import v4l2  # Linux only

# Cameras that vcam and its kind write to.
_VIRTUAL = ("vcam", "obs virtual camera", "unity video capture")


@dataclass(frozen=True, slots=True)
class CameraInfo:
    """A camera that may be opened.

    index: the system's number for it; can change when cameras come and go.
    name: the maker's name. path: stays the same when it is plugged in again, where the system
        has such a name for it.
    """

    index: int
    name: str
    path: str

    @property
    def spec(self) -> str:
        """The source setting that means this camera."""
        return f"camera:{self.path or self.index}"


def list_cameras() -> list[CameraInfo]:
    """Every camera of this machine, vcam's own output left out; virtual ones come last.

    One that this user may not open, or that is busy, is listed: opening it says what to do.
    """
    if sys.platform == "linux":
        from vcam.capture import v4l2

        nodes = sorted(v4l2.nodes(), key=lambda node: node.is_loopback)
        return [_info(node) for node in nodes if node.refusal is None]
    import cv2

    return listed_by(cv2.CAP_DSHOW if sys.platform == "win32" else cv2.CAP_AVFOUNDATION)


def _unfed_cameras() -> list[CameraInfo]:
    """Loopback devices that nobody feeds yet: for whoever asks for one by name."""
    if sys.platform != "linux":
        return []
    from vcam.capture import v4l2

    return [_info(node) for node in v4l2.nodes() if node.is_unfed]


def _info(node: v4l2.Node) -> CameraInfo:
    from vcam.capture import v4l2

    return CameraInfo(node.index, node.name, str(v4l2.stable_path(node.path)))


def listed_by(api: int) -> list[CameraInfo]:
    """The cameras as one of OpenCV's interfaces counts them; each counts in its own order."""
    # Installed where it is needed, which is not on Linux.
    from cv2_enumerate_cameras import enumerate_cameras  # pyright: ignore[reportMissingImports]

    return [
        CameraInfo(found.index, found.name, found.path or "")
        for found in enumerate_cameras(api)
        if not found.name.casefold().startswith(_VIRTUAL)
    ]


def find_camera(wanted: str) -> CameraInfo:
    """The camera with this number, path or name; part of a name will do; empty: the first.

    Whoever names a virtual webcam that nobody feeds yet means it: opening it fails until it is fed.
    Raises: SourceError source-missing if there is none, source-unknown if it is an output.
    """
    listed = list_cameras()
    cameras = [*listed, *_unfed_cameras()] if wanted else listed
    tests: list[Callable[[CameraInfo], bool]] = [
        lambda camera: wanted == "" or wanted == str(camera.index),
        lambda camera: wanted == camera.path or _is_same_file(wanted, camera.path),
        lambda camera: wanted.casefold() == camera.name.casefold(),
        lambda camera: wanted.casefold() in camera.name.casefold(),
    ]
    for test in tests:
        for camera in cameras:
            if test(camera):
                return camera
    raise _not_found(wanted, listed)


def _is_same_file(one: str, other: str) -> bool:
    return bool(other) and os.path.realpath(one) == os.path.realpath(other)


def _not_found(wanted: str, cameras: list[CameraInfo]) -> SourceError:
    if sys.platform == "linux":
        from vcam.capture import v4l2

        for node in v4l2.nodes():
            named = wanted in (str(node.index), node.name) or _is_same_file(wanted, str(node.path))
            if named and node.refusal:
                return SourceError(
                    "source-unknown",
                    f"{node.path} ({node.name}) is no camera to read from: {node.refusal}.",
                    "Choose another: vcam cameras lists the cameras.",
                )
    if not cameras:
        return SourceError(
            "source-missing",
            "No camera was found.",
            "Plug one in, or try --source demo.",
        )
    names = [camera.name for camera in cameras]
    return SourceError(
        "source-missing",
        f"There is no camera {wanted!r}.",
        f"{nearest_name(wanted, names)} vcam cameras lists them all.",
    )
