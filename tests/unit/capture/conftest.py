"""Clips, pictures and a camera that are made on the spot."""

from __future__ import annotations

import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import cv2
import numpy as np
import pytest
from av.video.stream import VideoStream

from tests.unit.capture.numbered_pictures import SIZE, numbered
from vcam.capture import camera as camera_module
from vcam.capture.cameras import CameraInfo
from vcam.frame import Pixels

ClipMaker = Callable[..., Path]


@pytest.fixture
def make_clip(tmp_path: Path) -> ClipMaker:
    """Write a clip of numbered frames; without loss unless the name ends in .mp4."""

    def make(
        name: str = "clip.mkv",
        *,
        count: int = 12,
        fps: int = 50,
        size: tuple[int, int] = SIZE,
        pixel_aspect: Fraction | None = None,
    ) -> Path:
        path = tmp_path / name
        codec, pixel_format = {".mp4": ("mpeg4", "yuv420p"), ".gif": ("gif", "rgb8")}.get(
            path.suffix, ("ffv1", "bgr0")
        )
        with av.open(str(path), "w") as container:
            stream = cast(VideoStream, container.add_stream(codec, rate=fps))
            stream.width, stream.height = size
            stream.pix_fmt = pixel_format
            if pixel_aspect is not None:
                stream.codec_context.sample_aspect_ratio = pixel_aspect
            for number in range(count):
                frame = av.VideoFrame.from_ndarray(numbered(number, size), format="rgb24")
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return path

    return make


@pytest.fixture
def make_picture(tmp_path: Path) -> Callable[..., Path]:
    """Write a picture, given as RGB, in the format that its name ends in."""

    def make(pixels: Pixels, name: str = "picture.png") -> Path:
        path = tmp_path / name
        assert cv2.imwrite(str(path), cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
        return path

    return make


class FakeDevice:
    """A camera of SIZE that counts its pictures, and what was done to it."""

    def __init__(self) -> None:
        self.fps = 25.0
        self.count = 0
        self.released = 0
        self.opened: list[tuple[int | str, int, list[int]]] = []
        self.wishes: dict[int, float] = {}
        self.hangs_at_opening = False
        self.before_picture: Callable[[int], None] = lambda number: None
        self.opens: Callable[[int, list[int]], bool] = lambda api, wishes: True
        self.hangs, self.unplugged, self.unblock = (threading.Event() for _ in range(3))


class FakeCapture:
    """Stands where cv2.VideoCapture does; its FakeDevice says how it behaves."""

    def __init__(self, device: FakeDevice, target: int | str, api: int, wishes: list[int]) -> None:
        self.device = device
        device.opened.append((target, api, wishes))
        device.unblock.wait(10 if device.hangs_at_opening else 0)
        self.is_open = device.opens(api, wishes)

    def isOpened(self) -> bool:  # noqa: N802, D102 - OpenCV's name
        return self.is_open

    def set(self, key: int, value: float) -> bool:  # noqa: D102
        self.device.wishes[key] = value
        return True

    def get(self, key: int) -> float:  # noqa: D102
        return self.device.fps if key == cv2.CAP_PROP_FPS else 0.0

    def read(self, into: Pixels | None = None) -> tuple[bool, Pixels | None]:
        """A picture in BGR, written into the caller's memory as OpenCV does."""
        device = self.device
        if device.hangs.is_set():
            device.unblock.wait(10)
            return False, None
        if device.unplugged.is_set():
            return False, None
        device.before_picture(device.count)
        device.unblock.wait(0.002)
        pixels = numbered(device.count % 40)
        device.count += 1
        if into is None:
            into = np.empty_like(pixels)
        into[:] = pixels[..., ::-1]
        return True, into

    def release(self) -> None:  # noqa: D102
        self.device.released += self.is_open
        self.is_open = False


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch):
    """A fake camera behind OpenCV, on Linux."""
    fake = FakeDevice()
    monkeypatch.setattr(camera_module, "SYSTEM", "Linux")
    monkeypatch.setattr(
        cv2,
        "VideoCapture",
        lambda target, api, wishes=(): FakeCapture(fake, target, api, [*wishes]),
    )
    yield fake
    fake.unblock.set()


@pytest.fixture
def camera_info(tmp_path: Path) -> CameraInfo:
    """A camera that is listed; its path exists but is no device."""
    path = tmp_path / "video3"
    path.touch()
    return CameraInfo(3, "Acme Webcam", str(path))
