"""A webcam as a source, through OpenCV, on one thread of its own.

That thread opens the device, reads it as fast as it delivers and lets go of it: Windows' COM wants
it so, a driver that hangs cannot hang the reader, and nothing grows old in the driver's buffers.
"""

from __future__ import annotations

import errno
import logging
import os
import platform
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import cv2

from vcam.capture.cameras import CameraInfo, listed_by
from vcam.capture.source import SourceInfo
from vcam.errors import SourceError
from vcam.frame import Pixels

# OpenCV reads both when it first opens a camera. A silent V4L2 device held its reader for ten
# seconds; Media Foundation's hardware transforms cost up to minutes at opening (opencv #17687).
os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", "1")
os.environ.setdefault("OPENCV_VIDEOIO_MSMF_ENABLE_HW_TRANSFORMS", "0")

SYSTEM = platform.system()

OPEN_TIMEOUT_S = 10.0
FIRST_PICTURE_TIMEOUT_S = 3.0
LOST_AFTER_S = 2.0
_LOST_AFTER_FAILURES = 10
_FAILURE_PAUSE_S = 0.02
_NAPS = 8  # that a wait is made of

logger = logging.getLogger(__name__)


class CameraSource:
    """The newest picture of a webcam; older ones that nobody took are gone.

    size, fps: what the camera is asked for; `info` says what it gives.
    Raises: SourceError: source-busy, source-denied, source-missing, or source-lost if it does not
        answer or gives no picture.
    """

    def __init__(self, camera: CameraInfo, *, size: tuple[int, int], fps: int) -> None:
        self._camera, self._size, self._fps = camera, size, fps
        self._news = threading.Condition()
        self._newest: Pixels | None = None
        self._error: SourceError | None = None
        self._stated_fps = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="vcam-camera", daemon=True)
        self._thread.start()
        first = self._wait(OPEN_TIMEOUT_S + FIRST_PICTURE_TIMEOUT_S)
        if first is None:
            self.close()
            raise self._error or _lost(camera, "does not answer")
        height, width, _ = first.shape
        self.info = SourceInfo("camera", camera.name, width, height, self._stated_fps, camera.spec)
        if (width, height) != size or round(self._stated_fps) != fps:
            logger.info(
                "%s was asked for %dx%d at %d and gives %dx%d at %.4g.",
                *(camera.name, *size, fps, width, height, self._stated_fps),
            )

    def read(self) -> Pixels | None:
        """The next picture; see Source. Waits at most LOST_AFTER_S."""
        with self._news:
            picture = self._wait(LOST_AFTER_S)
            self._newest = None
        if self._stop.is_set():
            return None
        if picture is None:
            raise self._error or _lost(self._camera, "stopped giving pictures")
        return picture

    def close(self) -> None:
        """Let go of the camera; see Source."""
        with self._news:
            self._stop.set()
            self._news.notify_all()
        self._thread.join(LOST_AFTER_S)  # one that hangs in its driver is left behind

    def _wait(self, timeout_s: float) -> Pixels | None:
        """The newest picture nobody took yet; None after an error, `close` or the time-out.

        What counts is the time that was asked for: while an import holds the interpreter, or the
        machine starves, this thread wakes late and the camera's own cannot hand anything over. A
        nap that took two seconds leaves it the others to do so.
        """
        with self._news:
            for _ in range(_NAPS):
                if self._news.wait_for(self._is_told, timeout_s / _NAPS):
                    break
            return self._newest

    def _is_told(self) -> bool:
        """Whether there is something to wake a reader for."""
        return self._newest is not None or self._error is not None or self._stop.is_set()

    def _work(self) -> None:
        """The camera's thread, from opening to release."""
        try:
            capture = _open_device(self._camera, self._size, self._fps)
            if capture is None:
                error = _why_closed(self._camera)
            else:
                stated_fps = capture.get(cv2.CAP_PROP_FPS)
                self._stated_fps = stated_fps if 0 < stated_fps <= 480 else float(self._fps)
                try:
                    error = self._take_pictures(capture)
                finally:
                    capture.release()  # before the error is told: whoever hears it may open again
        except cv2.error as reason:
            error = _lost(self._camera, f"failed ({reason.err or reason})")
        with self._news:
            self._error = error
            self._news.notify_all()

    def _take_pictures(self, capture: cv2.VideoCapture) -> SourceError | None:
        """Keep the newest picture until told to stop (None) or until there are no more (why)."""
        bgr: Pixels | None = None  # OpenCV decodes into the same memory every time
        failures, had_any, since_ns = 0, False, time.monotonic_ns()
        while not self._stop.is_set():
            is_good, bgr = cast("tuple[bool, Pixels | None]", capture.read(bgr))
            if is_good and bgr is not None:
                rgb = cast("Pixels", cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB))
                with self._news:
                    self._newest = rgb
                    self._news.notify_all()
                failures, had_any, since_ns = 0, True, time.monotonic_ns()
                continue
            failures += 1
            # One alone may have come right after a pause of this whole process.
            silent_s = (time.monotonic_ns() - since_ns) / 1e9 if failures > 1 else 0.0
            if had_any and (failures >= _LOST_AFTER_FAILURES or silent_s > LOST_AFTER_S):
                return _lost(self._camera, "stopped giving pictures")
            if silent_s > FIRST_PICTURE_TIMEOUT_S:
                return _silent(self._camera)
            self._stop.wait(_FAILURE_PAUSE_S)
        return None


def _open_device(camera: CameraInfo, size: tuple[int, int], fps: int) -> cv2.VideoCapture | None:
    """The opened camera, asked for MJPG, size and rate; None if no interface opens it.

    MJPG, because 720p does not go through USB 2 uncompressed at 30 frames a second.
    """
    wishes = {
        cv2.CAP_PROP_FOURCC: cv2.VideoWriter.fourcc(*"MJPG"),
        cv2.CAP_PROP_FRAME_WIDTH: size[0],
        cv2.CAP_PROP_FRAME_HEIGHT: size[1],
        cv2.CAP_PROP_FPS: fps,
    }
    if SYSTEM == "Windows":
        # DirectShow settles the format while it opens, so the wishes go with the opening; a camera
        # that cannot grant one of them stays closed and is opened again without.
        flat = [number for wish in wishes.items() for number in wish]
        for api, index in _windows_interfaces(camera):
            for parameters in (flat, []):
                capture = cv2.VideoCapture(index, api, parameters)
                if capture.isOpened():
                    return capture
        return None
    if SYSTEM == "Darwin":
        capture = cv2.VideoCapture(camera.index, cv2.CAP_AVFOUNDATION)
    else:
        capture = cv2.VideoCapture(camera.path, cv2.CAP_V4L2)
        # One is filled while the other is decoded. With a single one a USB camera finds no room
        # for every second picture and gives half its rate.
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 2)
    if not capture.isOpened():
        return None
    for wish, value in wishes.items():
        capture.set(wish, value)
    return capture


def _windows_interfaces(camera: CameraInfo) -> Iterator[tuple[int, int]]:
    """Interface and the camera's number there: the fast one first."""
    yield cv2.CAP_DSHOW, camera.index
    for same in listed_by(cv2.CAP_MSMF):
        if same.name == camera.name:
            yield cv2.CAP_MSMF, same.index


def _why_closed(camera: CameraInfo) -> SourceError:
    """Why the system did not let us open this camera, and what helps."""
    if SYSTEM == "Linux":
        return _why_closed_linux(camera)
    if SYSTEM == "Darwin":
        return _denied(
            camera,
            "In System Settings > Privacy & Security > Camera allow the program that vcam was "
            "started from (Terminal), then start vcam again.",
        )
    return SourceError(
        "source-busy",
        f"The camera {camera.name} could not be opened: another program uses it, or Windows does "
        "not allow it.",
        "Close other programs that show the camera; in Settings > Privacy & security > Camera "
        "let desktop apps use it.",
    )


def _why_closed_linux(camera: CameraInfo) -> SourceError:
    from vcam.capture import v4l2

    path = Path(camera.path).resolve()
    reason = v4l2.obstacle(path)
    if reason in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        return SourceError(
            "source-missing",
            f"The camera {camera.name} is no longer there ({camera.path}).",
            "Plug it in again, or choose another: vcam cameras lists them.",
        )
    if reason in (errno.EACCES, errno.EPERM):
        return _denied(
            camera,
            "Join the group that may use cameras: sudo usermod -aG video $USER; then log out and "
            "in again.",
        )
    if reason != errno.EBUSY and v4l2.is_loopback(path):  # who else reads it, is no obstacle
        return SourceError(
            "source-lost",
            f"The virtual camera {camera.name} gives no pictures yet: no program feeds it.",
            "Start the program that feeds it; vcam waits for it.",
        )
    holders = v4l2.holders(path)
    if reason == errno.EBUSY or holders:
        return SourceError(
            "source-busy",
            f"The camera {camera.name} is used by {' and '.join(holders) or 'another program'}.",
            "Close it there, or choose another camera: vcam cameras lists them.",
        )
    if reason:
        return _lost(camera, "gives no pictures now")
    return _lost(camera, "gives no pictures in a form that vcam can read")


def _denied(camera: CameraInfo, hint: str) -> SourceError:
    return SourceError("source-denied", f"vcam may not use the camera {camera.name}.", hint)


def _silent(camera: CameraInfo) -> SourceError:
    """The camera is open, but not one picture has come."""
    if SYSTEM == "Darwin":  # without permission macOS opens the camera and gives nothing
        return _why_closed(camera)
    return _lost(camera, f"gave no picture for {FIRST_PICTURE_TIMEOUT_S:.0f} s")


def _lost(camera: CameraInfo, what: str) -> SourceError:
    return SourceError(
        "source-lost",
        f"The camera {camera.name} {what}.",
        "Check its cable and switch, and plug it in again; vcam cameras lists all cameras.",
    )
