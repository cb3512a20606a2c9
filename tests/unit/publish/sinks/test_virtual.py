"""The cameras of Windows and macOS: every way pyvirtualcam fails is told in our words.

pyvirtualcam's constructor fails with KeyError for an unknown backend (and its destructor then
prints a second error), and with RuntimeError of many meanings for all else.
"""

import sys
import types

import numpy as np
import pytest

from vcam.errors import SinkError
from vcam.publish.sinks.virtual import VirtualSink, has_camera

OPEN = {"width": 64, "height": 48, "fps": 30}


def library(monkeypatch, *, system: str, backends: tuple[str, ...], camera) -> None:
    """Put a pyvirtualcam in place, on a machine of that system."""
    raw = types.SimpleNamespace(RGB="raw ")
    package = types.SimpleNamespace(Camera=camera, PixelFormat=raw)
    module = types.SimpleNamespace(BACKENDS=dict.fromkeys(backends, camera))
    monkeypatch.setitem(sys.modules, "pyvirtualcam", package)
    monkeypatch.setitem(sys.modules, "pyvirtualcam.camera", module)
    monkeypatch.setattr("vcam.publish.sinks.virtual.sys", types.SimpleNamespace(platform=system))


def failing(message: str):
    """A camera whose constructor fails."""

    def camera(*_, **__):
        raise RuntimeError(message)

    return camera


def refusal(**options) -> SinkError:
    """The error of an attempt to open."""
    with pytest.raises(SinkError) as caught:
        VirtualSink(**{"kind": "obs", **OPEN, **options})
    return caught.value


def test_without_the_library_the_hint_installs_it(monkeypatch):
    """A user without pyvirtualcam is told the command that brings it."""
    library(monkeypatch, system="darwin", backends=("obs",), camera=failing("unused"))
    monkeypatch.setitem(sys.modules, "pyvirtualcam", None)
    error = refusal()
    assert (error.code, error.hint) == ("sink-missing", "pip install 'vcam[obs]'")
    assert not has_camera("obs")


@pytest.mark.parametrize(
    ("kind", "system", "hint"),
    [("obs", "linux", "v4l2"), ("unity", "linux", "v4l2"), ("unity", "darwin", "obs")],
)
def test_a_system_without_that_camera_is_told_what_to_use(monkeypatch, kind, system, hint):
    """Asked for on the wrong system, the hint names the sink that works there."""
    library(monkeypatch, system=system, backends=("obs", "unitycapture"), camera=failing("unused"))
    error = refusal(kind=kind)
    assert error.code == "sink-missing"
    assert hint in error.hint


def test_a_backend_that_is_missing_is_not_tried(monkeypatch):
    """A pyvirtualcam without the backend is refused before its KeyError can happen."""
    library(monkeypatch, system="win32", backends=("obs",), camera=failing("never called"))
    error = refusal(kind="unity")
    assert error.code == "sink-missing"
    assert "upgrade" in error.hint


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("'obs' backend: virtual camera output could not be started", "sink-busy"),
        (
            "'obs' backend: OBS Virtual Camera device not found! Did you install OBS?",
            "sink-missing",
        ),
    ],
)
def test_failures_to_open_are_told_apart(monkeypatch, said, code):
    """A camera in use and a camera that is not installed need different things from the user."""
    library(monkeypatch, system="win32", backends=("obs",), camera=failing(said))
    assert refusal().code == code


def test_a_failing_send_is_a_sink_error(monkeypatch):
    """What goes wrong while sending is a SinkError, so that the sink is opened again."""

    class Camera:
        def __init__(self, *_, **__):
            pass

        def send(self, pixels):
            raise RuntimeError("error sending frame")

    library(monkeypatch, system="darwin", backends=("obs",), camera=Camera)
    sink = VirtualSink("obs", **OPEN)
    with pytest.raises(SinkError, match="error sending frame"):
        sink.send(np.zeros((48, 64, 3), np.uint8), 0)
    assert sink.reopens


def test_unity_takes_the_name_of_one_of_several(monkeypatch):
    """The device behind the colon reaches the library."""
    given = {}

    def camera(*sizes, **options):
        given.update(options, sizes=sizes)

    library(monkeypatch, system="win32", backends=("unitycapture",), camera=camera)
    sink = VirtualSink("unity", **OPEN, device="Unity Video Capture #2")
    assert sink.name == "unity:Unity Video Capture #2"
    assert given["device"] == "Unity Video Capture #2"
    assert given["backend"] == "unitycapture"
    assert given["sizes"] == (64, 48, 30)
