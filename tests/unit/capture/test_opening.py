"""From a source's name to the source."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.unit.capture.numbered_pictures import SIZE, numbered
from vcam.capture import demo, is_file_source, open_source, opening, source_path
from vcam.capture.cameras import CameraInfo
from vcam.errors import SourceError


def opened(spec: str, lockstep: bool = False):
    """An open source, and its kind."""
    source = open_source(spec, lockstep=lockstep, size=SIZE, fps=30)
    source.close()
    return source.info


def refusal(spec: str) -> SourceError:
    """The error that this name ends with."""
    with pytest.raises(SourceError) as caught:
        open_source(spec, lockstep=False, size=SIZE, fps=30)
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize(
    ("spec", "is_file"),
    [
        *(("auto", False), ("camera", False), ("camera:0", False), ("camera:Acme", False)),
        *(("demo", False), ("/dev/video2", False), ("/dev/v4l/by-id/usb-acme", False)),
        *(("film.mp4", True), ("./demo", True), ("/tmp/a b.png", True), (r"C:\film.mp4", True)),
    ],
)
def test_files_are_told_from_devices(spec: str, is_file: bool):
    """Only clips and pictures may run in lockstep."""
    assert is_file_source(spec) is is_file


def test_content_decides_not_the_name(make_clip, make_picture):
    """A picture called .mp4 is a picture, a clip called .png a clip."""
    picture = make_picture(numbered(1)).rename(make_clip().with_name("picture.mp4"))
    clip = make_clip().rename(picture.with_name("clip.png"))
    assert opened(str(picture)).kind == "picture"
    assert opened(str(clip)).kind == "clip"


def test_spec_opens_the_same_source_again(make_clip, device, camera_info, monkeypatch):
    """The spec in a source's info opens that source again, also if `auto` found it first."""
    monkeypatch.setattr(opening, "list_cameras", lambda: [camera_info])
    monkeypatch.setattr(opening, "find_camera", lambda wanted: camera_info)
    for spec in (str(make_clip()), "auto", "camera", "camera:acme"):
        info = opened(spec)
        assert opened(info.spec) == info


def test_auto_without_a_camera_is_the_demo(make_clip, monkeypatch: pytest.MonkeyPatch):
    """On a machine without a camera `auto` shows the presenter, and says so."""
    monkeypatch.setattr(opening, "list_cameras", list)
    monkeypatch.setattr(demo, "PRESENTER", make_clip())
    info = opened("auto")
    assert (info.kind, info.spec) == ("demo", "demo")


def test_auto_takes_the_first_that_works(device, camera_info, monkeypatch: pytest.MonkeyPatch):
    """`auto` passes over a camera that gives nothing and takes the next one."""
    dead = CameraInfo(0, "Dead Webcam", "/nowhere/video0")
    monkeypatch.setattr(opening, "list_cameras", lambda: [dead, camera_info])
    device.opens = lambda api, wishes: device.opened[-1][0] == camera_info.path
    assert opened("auto").name == "Acme Webcam"


def test_auto_does_not_hide_a_busy_camera(device, camera_info, monkeypatch: pytest.MonkeyPatch):
    """When the only camera is busy, `auto` says so instead of showing somebody else."""
    monkeypatch.setattr(opening, "list_cameras", lambda: [camera_info])
    monkeypatch.setattr("vcam.capture.v4l2.holders", lambda path: ["zoom"])
    device.opens = lambda api, wishes: False
    monkeypatch.setattr("vcam.capture.v4l2.obstacle", lambda path: 0)
    error = refusal("auto")
    assert error.code == "source-busy"
    assert "zoom" in str(error)


def test_device_path_is_a_camera(device, camera_info, monkeypatch: pytest.MonkeyPatch):
    """A device's path given as it stands means that camera."""
    wanted: list[str] = []
    monkeypatch.setattr(opening, "find_camera", lambda name: wanted.append(name) or camera_info)
    assert opened("/dev/video3").kind == "camera"
    opened("camera:/dev/video3")
    opened("camera")
    assert wanted == ["/dev/video3", "/dev/video3", ""]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere an output is no file")
def test_what_is_read_is_known_as_a_path(camera_info, monkeypatch: pytest.MonkeyPatch):
    """The file or device that a source reads is known before it opens, unless vcam is to choose."""
    monkeypatch.setattr("vcam.capture.cameras.list_cameras", lambda: [camera_info])
    assert source_path("film.mp4") == Path("film.mp4")
    assert source_path("camera:acme") == source_path("camera:3") == Path(camera_info.path)
    assert source_path("camera:another") is None
    assert source_path("camera") is source_path("auto") is source_path("demo") is None


def test_missing_file_is_said_so(tmp_path: Path):
    """A path without a file is a missing source, named in full."""
    path = tmp_path / "nothing.mp4"
    error = refusal(str(path))
    assert error.code == "source-missing"
    assert str(path) in str(error)


def test_mistyped_name_gets_the_nearest(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """A single word that is neither source nor file gets the nearest name offered."""
    monkeypatch.chdir(tmp_path)
    error = refusal("camra")
    assert error.code == "source-unknown"
    assert "camera" in error.hint


def test_folder_is_not_a_source(tmp_path: Path):
    """A folder is refused as such."""
    assert refusal(str(tmp_path)).code == "source-damaged"


def test_unreadable_file_is_denied(make_clip, monkeypatch: pytest.MonkeyPatch):
    """A file that this user may not read is denied, not damaged."""
    path = make_clip()

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert refusal(str(path)).code == "source-denied"


def test_incomplete_installation_is_said_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Without its clip the demo says that the installation is incomplete."""
    monkeypatch.setattr(demo, "PRESENTER", tmp_path / "presenter.mp4")
    error = refusal("demo")
    assert error.code == "source-missing"
    assert "incomplete" in str(error)
