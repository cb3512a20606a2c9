"""What every sink promises; run over the registry, so that a new kind cannot be forgotten.

The v4l2 sink keeps the same promises in tests/device, where there is a device to open.
"""

import sys
import types

import numpy as np
import pytest

from vcam.publish.sinks import SINKS, Sink, open_sink

SIZE = {"width": 64, "height": 48, "fps": 30.0}

SPECS = {
    "v4l2": None,  # tests/device/guest/test_v4l2_sink.py
    "obs": "obs",
    "unity": "unity",
    "file": "file:{folder}/out.mp4",
    "null": "null",
    "preview": "preview",
    "array": "array",
}


class FakeCamera:
    """pyvirtualcam's Camera as far as we use it, with its own checks of what is sent."""

    def __init__(self, width, height, fps, *, fmt, backend, device):
        self.shape, self.sent, self.is_closed = (height, width, 3), 0, False

    def send(self, pixels):
        """Take a frame of the right shape and type."""
        assert pixels.dtype == np.uint8
        assert pixels.shape == self.shape
        assert not self.is_closed
        self.sent += 1

    def close(self):
        """Close."""
        self.is_closed = True


@pytest.fixture
def virtual_cameras(monkeypatch):
    """A Windows machine with pyvirtualcam and both of its cameras."""
    raw = types.SimpleNamespace(RGB="raw ")
    package = types.SimpleNamespace(Camera=FakeCamera, PixelFormat=raw)
    backends = {"obs": FakeCamera, "unitycapture": FakeCamera}
    camera = types.SimpleNamespace(BACKENDS=backends)
    monkeypatch.setitem(sys.modules, "pyvirtualcam", package)
    monkeypatch.setitem(sys.modules, "pyvirtualcam.camera", camera)
    monkeypatch.setattr("vcam.publish.sinks.virtual.sys", types.SimpleNamespace(platform="win32"))


@pytest.fixture(params=[spec for spec in SPECS.values() if spec])
def sink(request, tmp_path, virtual_cameras):
    """Each sink that can be opened here."""
    return open_sink(request.param.format(folder=tmp_path), **SIZE)


def test_every_kind_is_under_contract():
    """A kind of sink that is added is tested too."""
    assert set(SPECS) == set(SINKS)


def test_takes_pictures_and_leaves_them_alone(sink: Sink):
    """Pictures of the agreed size are taken, in order of time, and not written to."""
    pixels = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    before = pixels.copy()
    pixels.flags.writeable = False  # the slate is read-only
    for i in range(5):
        sink.send(pixels, 7_000_000_000 + i * 33_333_333)
    sink.close()
    assert np.array_equal(pixels, before)


def test_keeps_no_hold_of_the_buffer(sink: Sink):
    """The publisher may write into the buffer as soon as `send` returns."""
    pixels = np.zeros((48, 64, 3), np.uint8)
    sink.send(pixels, 0)
    references = sys.getrefcount(pixels)
    sink.send(pixels, 33_333_333)
    assert sys.getrefcount(pixels) == references
    sink.close()


def test_can_be_closed_without_a_picture(sink: Sink):
    """Opening and closing is no error."""
    sink.close()


def test_name_opens_the_same_sink_again(sink: Sink):
    """A sink's name is a spec; that is how a lost one is opened again."""
    sink.close()
    again = open_sink(sink.name, **SIZE)
    assert type(again) is type(sink)
    assert again.name == sink.name
    again.close()
