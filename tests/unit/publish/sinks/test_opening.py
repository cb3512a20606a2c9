"""From specs to sinks: all or none, and `auto` never leaves the user without a picture."""

import sys

import pytest

from vcam.errors import SinkError
from vcam.publish.sinks import SINKS, AutoSinks, auto_sinks, open_sink, open_sinks
from vcam.publish.sinks.array import ArraySink
from vcam.publish.sinks.loopback import Capability

SIZE = {"width": 64, "height": 48, "fps": 30.0}


@pytest.mark.parametrize(
    ("spec", "told"),
    [("v4l", "'v4l2'"), ("file", "file:out.mp4"), ("null:x", "write null"), ("", "known")],
)
def test_a_spec_that_cannot_be_is_explained(spec, told):
    """A sink that does not exist is answered with what was probably meant."""
    with pytest.raises(SinkError) as caught:
        open_sink(spec, **SIZE)
    assert caught.value.code == "sink-unknown"
    assert told in caught.value.hint


def test_every_kind_can_be_named_in_the_settings():
    """What the setting's description offers, opens; and the other way round."""
    from vcam.config.settings import Settings

    described = Settings.model_fields["sinks"].description or ""
    assert all(f"`{kind}" in described for kind in set(SINKS) - {"array"})


def test_one_sink_that_does_not_open_closes_the_others(monkeypatch, tmp_path):
    """A run starts with all the sinks the user named, or not at all."""
    opened = ArraySink()
    monkeypatch.setitem(SINKS, "array", lambda _: opened)
    with pytest.raises(SinkError, match="no folder"):
        open_sinks(["array", f"file:{tmp_path}/missing/out.mp4"], **SIZE)
    assert opened.is_closed


def test_a_sink_named_twice_is_opened_once():
    """Doubles and what `auto` adds again do not matter."""
    assert [s.name for s in open_sinks(["null", "null"], **SIZE).sinks] == ["null"]


def test_auto_falls_back_to_the_preview_and_says_why(monkeypatch):
    """Where the virtual camera is busy, the page still works and the user knows the reason."""

    def busy(_):
        raise SinkError("sink-busy", "/dev/video10 is written to by obs.", "end it")

    monkeypatch.setitem(SINKS, "v4l2", busy)
    monkeypatch.setattr(
        "vcam.publish.sinks.opening.auto_sinks", lambda: AutoSinks(("v4l2", "preview"), "One.")
    )
    opened = open_sinks(["auto"], **SIZE)
    assert [s.name for s in opened.sinks] == ["preview"]
    assert opened.note == "One. /dev/video10 is written to by obs. (end it)"


def _devices(monkeypatch, *found):
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("vcam.publish.sinks.loopback.loopback_devices", lambda: iter(found))


def test_auto_takes_a_virtual_camera_of_linux(monkeypatch):
    """With v4l2loopback loaded, `auto` publishes there and on the page."""
    _devices(monkeypatch, ("/dev/video10", Capability("v4l2 loopback", "vcam", False, True)))
    choice = auto_sinks()
    assert choice.specs == ("v4l2", "preview")
    assert "vcam" in choice.why


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="v4l2 is Linux's")
def test_source_is_never_a_sink(monkeypatch, tmp_path):
    """A loopback device that is to be read is refused by name, and `auto` keeps off it."""
    device = tmp_path / "video0"
    _devices(monkeypatch, (device, Capability("v4l2 loopback", "Phone", False, True)))
    with pytest.raises(SinkError, match="source itself") as caught:
        open_sink(f"v4l2:{device}", **SIZE, source=device)
    assert caught.value.code == "sink-refused"
    opened = open_sinks(["auto"], **SIZE, source=device)
    assert [s.name for s in opened.sinks] == ["preview"]
    assert "source itself" in opened.note


def test_auto_names_the_group_when_devices_may_not_be_opened(monkeypatch):
    """Without the right to open a device the user is told how to get it."""
    _devices(monkeypatch, ("/dev/video10", PermissionError(13, "Permission denied")))
    choice = auto_sinks()
    assert choice.specs == ("preview",)
    assert "usermod -aG video" in choice.why


def test_auto_without_a_driver_is_the_preview(monkeypatch):
    """On a machine with nothing the page is enough, and the command that adds a camera is told."""
    _devices(monkeypatch)
    choice = auto_sinks()
    assert choice.specs == ("preview",)
    assert "modprobe v4l2loopback" in choice.why


@pytest.mark.parametrize(
    ("cameras", "specs"),
    [({"obs", "unity"}, ("obs", "preview")), ({"unity"}, ("unity", "preview")), ((), ("preview",))],
)
def test_auto_elsewhere_takes_what_the_library_has(monkeypatch, cameras, specs):
    """On Windows and macOS `auto` is OBS's camera, then Unity's, then the page alone."""
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setattr("vcam.publish.sinks.virtual.has_camera", lambda kind: kind in cameras)
    assert auto_sinks().specs == specs
