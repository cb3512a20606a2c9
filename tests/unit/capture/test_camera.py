"""A webcam's whole life, with a thin fake in OpenCV's place."""

from __future__ import annotations

import ctypes
import errno
import sys
import threading
import time

import cv2
import pytest

from tests.unit.capture.numbered_pictures import SIZE, number_of
from vcam.capture import camera as camera_module
from vcam.capture import v4l2
from vcam.capture.camera import CameraSource
from vcam.capture.cameras import CameraInfo
from vcam.errors import SourceError

MJPG = int(cv2.VideoWriter.fourcc(*"MJPG"))
WISHES = {
    cv2.CAP_PROP_FOURCC: MJPG,
    cv2.CAP_PROP_FRAME_WIDTH: 1280,
    cv2.CAP_PROP_FRAME_HEIGHT: 720,
    cv2.CAP_PROP_FPS: 30,
}


def refused(camera_info: CameraInfo) -> SourceError:
    """The error that opening this camera ends with."""
    with pytest.raises(SourceError) as caught:
        CameraSource(camera_info, size=(1280, 720), fps=30)
    assert camera_info.name in str(caught.value)
    assert caught.value.hint
    return caught.value


def read_on(source: CameraSource) -> None:
    """Read until there is nothing more."""
    while source.read() is not None:
        pass


def wait_for_end() -> None:
    """Wait until no camera's thread is left."""
    for thread in threading.enumerate():
        if thread.name == "vcam-camera":
            thread.join(2)
            assert not thread.is_alive()


def test_asks_for_the_output_and_says_what_it_gets(device, camera_info):
    """A camera is asked for MJPG, size, rate and a short buffer; its info states the truth."""
    source = CameraSource(camera_info, size=(1280, 720), fps=30)
    source.close()
    assert device.opened == [(camera_info.path, cv2.CAP_V4L2, [])]
    assert device.wishes == {**WISHES, cv2.CAP_PROP_BUFFERSIZE: 2}
    assert (source.info.width, source.info.height, source.info.fps) == (*SIZE, 25.0)
    assert source.info.spec == f"camera:{camera_info.path}"


def test_rate_that_cannot_be_is_replaced(device, camera_info):
    """A driver that states no rate, or an absurd one, is taken at the rate it was asked for."""
    device.fps = 0.0
    source = CameraSource(camera_info, size=SIZE, fps=30)
    source.close()
    assert source.info.fps == 30


def test_newest_picture_wins(device, camera_info):
    """A reader that comes late gets the newest picture; the ones before are gone."""
    source = CameraSource(camera_info, size=SIZE, fps=30)
    source.read()
    while device.count < 10:
        time.sleep(0.005)
    taken_before = device.count
    pixels = source.read()
    taken_after = device.count
    source.close()
    assert pixels is not None
    assert number_of(pixels) in {number % 40 for number in range(taken_before - 2, taken_after)}


def test_unplugged_camera_is_lost(device, camera_info):
    """A camera that fails again and again is reported lost, well within a second."""
    source = CameraSource(camera_info, size=SIZE, fps=30)
    device.unplugged.set()
    started = time.monotonic()
    with pytest.raises(SourceError) as caught:
        read_on(source)
    assert caught.value.code == "source-lost"
    assert time.monotonic() - started < 1
    assert device.released == 1, "whoever hears of it may open it again"
    source.close()


def test_single_failures_are_not_the_end(device, camera_info):
    """A camera that misses a few pictures goes on."""
    source = CameraSource(camera_info, size=SIZE, fps=30)
    device.unplugged.set()
    time.sleep(0.06)
    device.unplugged.clear()
    for _ in range(5):
        assert source.read() is not None
    source.close()


def test_hanging_driver_is_lost(device, camera_info, monkeypatch: pytest.MonkeyPatch):
    """A driver that neither gives a picture nor fails does not hold up its reader for ever."""
    monkeypatch.setattr(camera_module, "LOST_AFTER_S", 0.2)
    source = CameraSource(camera_info, size=SIZE, fps=30)
    device.hangs.set()
    with pytest.raises(SourceError) as caught:
        read_on(source)
    assert caught.value.code == "source-lost"
    source.close()


@pytest.mark.skipif(sys.platform == "win32", reason="takes usleep from the C library")
def test_held_interpreter_is_not_a_lost_camera(
    device, camera_info, monkeypatch: pytest.MonkeyPatch
):
    """An import that holds the interpreter longer than a camera may be silent costs no camera."""
    monkeypatch.setattr(camera_module, "LOST_AFTER_S", 0.8)
    sleep_us = ctypes.PyDLL(None).usleep  # does not let go of the interpreter, as an import may
    held_s: list[float] = []

    def hold(number: int) -> None:
        if number == 20:
            time.sleep(0.05)  # the reader takes number 19 and waits
            began = time.monotonic()
            sleep_us(950_000)
            held_s.append(time.monotonic() - began)
            time.sleep(0.05)  # the reader wakes first, and finds nothing

    device.before_picture = hold
    source = CameraSource(camera_info, size=SIZE, fps=30)
    while device.count < 30:
        assert source.read() is not None
    source.close()
    assert held_s[0] > camera_module.LOST_AFTER_S


def test_hanging_at_opening_ends(device, camera_info, monkeypatch: pytest.MonkeyPatch):
    """A system that takes for ever to open a camera is not waited for, and cleans up later."""
    monkeypatch.setattr(camera_module, "OPEN_TIMEOUT_S", 0.1)
    monkeypatch.setattr(camera_module, "FIRST_PICTURE_TIMEOUT_S", 0.1)
    monkeypatch.setattr(camera_module, "LOST_AFTER_S", 0.1)
    device.hangs_at_opening = True
    assert refused(camera_info).code == "source-lost"
    device.unblock.set()
    wait_for_end()
    assert device.released == 1


def test_camera_without_a_picture_is_lost(device, camera_info, monkeypatch: pytest.MonkeyPatch):
    """A camera that opens but gives nothing is refused, and let go of."""
    monkeypatch.setattr(camera_module, "FIRST_PICTURE_TIMEOUT_S", 0.1)
    device.unplugged.set()
    error = refused(camera_info)
    assert error.code == "source-lost"
    assert "no picture" in str(error)
    assert device.released == 1


def test_camera_can_be_opened_again(device, camera_info):
    """After close the device is free: it is released once, and a new source gets pictures."""
    for times in (1, 2):
        source = CameraSource(camera_info, size=SIZE, fps=30)
        assert source.read() is not None
        source.close()
        assert device.released == times


@pytest.mark.parametrize(
    ("reason", "holders", "code", "says"),
    [
        (errno.ENOENT, [], "source-missing", "no longer there"),
        (errno.EACCES, [], "source-denied", "may not use"),
        (errno.EBUSY, ["zoom", "obs"], "source-busy", "zoom and obs"),
        (errno.EBUSY, [], "source-busy", "another program"),
        (0, ["cheese"], "source-busy", "cheese"),
        (errno.EINVAL, [], "source-lost", "no pictures now"),
        (0, [], "source-lost", "form"),
    ],
)
def test_refusal_on_linux_says_why(
    device, camera_info, monkeypatch: pytest.MonkeyPatch, reason, holders, code, says
):
    """A camera that does not open says whether it is gone, denied, busy and by whom, or odd."""
    device.opens = lambda api, wishes: False
    monkeypatch.setattr(v4l2, "obstacle", lambda path: reason)
    monkeypatch.setattr(v4l2, "holders", lambda path: holders)
    error = refused(camera_info)
    assert error.code == code
    assert says in str(error)
    assert ("usermod -aG video" in error.hint) == (code == "source-denied")


@pytest.mark.parametrize("holders", [[], ["zoom"]])
def test_unfed_virtual_camera_says_what_it_waits_for(
    device, camera_info, monkeypatch: pytest.MonkeyPatch, holders
):
    """A virtual camera without pictures wants its feeder, whoever else may have it open."""
    device.opens = lambda api, wishes: False
    monkeypatch.setattr(v4l2, "obstacle", lambda path: errno.EINVAL)
    monkeypatch.setattr(v4l2, "holders", lambda path: holders)
    monkeypatch.setattr(v4l2, "capabilities", lambda path: ("v4l2 loopback", 2))
    error = refused(camera_info)
    assert error.code == "source-lost"
    assert "no program feeds it" in str(error)
    assert "waits" in error.hint


def test_windows_asks_direct_show_first(device, camera_info, monkeypatch: pytest.MonkeyPatch):
    """On Windows DirectShow is asked first, with the wishes at opening; then without; then MSMF."""
    monkeypatch.setattr(camera_module, "SYSTEM", "Windows")
    others = [CameraInfo(0, "Another", ""), CameraInfo(7, camera_info.name, "")]
    monkeypatch.setattr(camera_module, "listed_by", lambda api: others)
    wishes = [number for wish in WISHES.items() for number in wish]
    device.opens = lambda api, asked: api == cv2.CAP_MSMF and not asked
    CameraSource(camera_info, size=(1280, 720), fps=30).close()
    assert device.opened == [
        (3, cv2.CAP_DSHOW, wishes),
        (3, cv2.CAP_DSHOW, []),
        (7, cv2.CAP_MSMF, wishes),
        (7, cv2.CAP_MSMF, []),
    ]
    assert device.wishes == {}, "what is set after opening, DirectShow ignores"


def test_windows_refusal_names_both_causes(device, camera_info, monkeypatch: pytest.MonkeyPatch):
    """Windows does not say why a camera stays shut: the error names both likely causes."""
    monkeypatch.setattr(camera_module, "SYSTEM", "Windows")
    monkeypatch.setattr(camera_module, "listed_by", lambda api: [])
    device.opens = lambda api, asked: False
    error = refused(camera_info)
    assert error.code == "source-busy"
    assert "Privacy" in error.hint


@pytest.mark.parametrize("opens", [True, False])
def test_macos_without_permission_is_denied(
    device, camera_info, monkeypatch: pytest.MonkeyPatch, opens: bool
):
    """On macOS a camera that stays shut, or opens and gives nothing, lacks the permission."""
    monkeypatch.setattr(camera_module, "SYSTEM", "Darwin")
    monkeypatch.setattr(camera_module, "FIRST_PICTURE_TIMEOUT_S", 0.1)
    device.opens = lambda api, asked: opens
    device.unplugged.set()
    error = refused(camera_info)
    assert device.opened == [(3, cv2.CAP_AVFOUNDATION, [])]
    assert error.code == "source-denied"
    assert "System Settings" in error.hint
