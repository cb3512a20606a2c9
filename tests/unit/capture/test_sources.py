"""What every source promises, asked of each of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from tests.unit.capture.numbered_pictures import SIZE, number_of, numbered
from vcam.capture import ArraySource, Source, demo
from vcam.capture.camera import CameraSource
from vcam.capture.opening import open_source

KINDS = ("array", "camera", "clip", "demo", "picture")
FILE_KINDS = ("array", "clip", "demo", "picture")

Opener = Callable[..., Source]


@pytest.fixture
def open_kind(device, camera_info, make_clip, make_picture, monkeypatch):
    """Open a source of one kind; it is closed after the test."""
    opened: list[Source] = []

    def open_one(kind: str, *, lockstep: bool = False, fps: int = 50) -> Source:
        if kind == "array":
            source: Source = ArraySource(
                [numbered(n) for n in range(12)], fps=fps, lockstep=lockstep
            )
        elif kind == "camera":
            source = CameraSource(camera_info, size=SIZE, fps=fps)
        elif kind == "demo":
            monkeypatch.setattr(demo, "PRESENTER", make_clip(fps=fps))
            source = open_source("demo", lockstep=lockstep, size=SIZE, fps=fps)
        else:
            path = make_clip(fps=fps) if kind == "clip" else make_picture(numbered(1))
            source = open_source(str(path), lockstep=lockstep, size=SIZE, fps=fps)
        opened.append(source)
        return source

    yield open_one
    device.unblock.set()
    for source in opened:
        source.close()


@pytest.mark.parametrize("kind", KINDS)
def test_info_is_true(open_kind: Opener, kind: str):
    """A source's pictures are RGB bytes of the size that its info states."""
    source = open_kind(kind)
    pixels = source.read()
    assert pixels is not None
    assert pixels.shape == (source.info.height, source.info.width, 3)
    assert (source.info.width, source.info.height) == SIZE
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous
    assert pixels[0, 0, 0] > 150 > 50 > pixels[0, 0, 2], "the red corner is red, not blue"
    assert source.info.fps > 0
    assert source.info.name


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_stay_as_they_were(open_kind: Opener, kind: str):
    """A picture that was handed over does not change when the next ones come."""
    source = open_kind(kind)
    first = source.read()
    assert first is not None
    copy = first.copy()
    for _ in range(4):
        assert source.read() is not None
    np.testing.assert_array_equal(first, copy)


@pytest.mark.parametrize("kind", KINDS)
def test_close_is_final_and_harmless(open_kind: Opener, kind: str):
    """A closed source gives None, and may be closed again."""
    source = open_kind(kind)
    source.close()
    source.close()
    assert source.read() is None


@pytest.mark.parametrize("kind", KINDS)
def test_close_wakes_a_waiting_read(open_kind: Opener, device, kind: str):
    """A read that waits for its picture comes back at once when the source is closed."""
    source = open_kind(kind, fps=1)
    device.hangs.set()

    def read_until_closed() -> None:
        while source.read() is not None:
            pass

    threads = [
        threading.Thread(target=work, daemon=True) for work in (read_until_closed, source.close)
    ]
    threads[0].start()
    time.sleep(0.1)
    assert threads[0].is_alive(), "there is nothing to wake"
    threads[1].start()
    threads[0].join(0.7)
    assert not threads[0].is_alive()


@pytest.mark.parametrize("kind", FILE_KINDS)
def test_lockstep_gives_every_frame_once(open_kind: Opener, kind: str):
    """In lockstep every frame comes once, in order, and then None for ever."""
    source = open_kind(kind, lockstep=True)
    numbers: list[int] = []
    while (pixels := source.read()) is not None:
        numbers.append(number_of(pixels))
    assert numbers == ([1] if kind == "picture" else list(range(12)))
    assert source.read() is None


@pytest.mark.parametrize("kind", FILE_KINDS)
def test_live_loops_at_its_own_rate(open_kind: Opener, kind: str):
    """Live, a file goes on for ever and never runs faster than its own rate."""
    source = open_kind(kind, fps=50)
    started = time.monotonic()
    numbers = [number_of(pixels) for _ in range(16) if (pixels := source.read()) is not None]
    assert len(numbers) == 16
    assert time.monotonic() - started >= 15 / 50 - 0.02
    assert numbers[0] == (1 if kind == "picture" else 0)
    if kind != "picture":
        assert numbers != sorted(numbers), "it never began again"


@pytest.mark.parametrize("kind", ["array", "clip"])
def test_a_late_reader_skips(open_kind: Opener, kind: str):
    """A reader that was away for two frames gets the one that is due, not the next."""
    source = open_kind(kind, fps=20)
    source.read()
    time.sleep(0.12)
    late = source.read()
    assert late is not None
    assert number_of(late) >= 2


@pytest.mark.parametrize("kind", ["array", "clip"])
def test_lost_time_is_not_made_up(open_kind: Opener, monkeypatch: pytest.MonkeyPatch, kind: str):
    """After a stall of many seconds a live file goes on where it was, without a burst."""
    source = open_kind(kind, fps=50)
    source.read()
    jumped = SimpleNamespace(monotonic_ns=lambda: time.monotonic_ns() + 20_000_000_000)
    monkeypatch.setattr("vcam.capture.source.time", jumped)
    started = time.monotonic()
    numbers = [number_of(pixels) for _ in range(4) if (pixels := source.read()) is not None]
    assert numbers[0] == 1
    assert time.monotonic() - started >= 3 / 50 - 0.02
