"""Which cameras are listed, and which one a user means."""

from __future__ import annotations

import mmap
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from vcam.capture import cameras as cameras_module
from vcam.capture import list_cameras, v4l2
from vcam.capture.cameras import CameraInfo, find_camera, listed_by
from vcam.errors import SourceError

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="looks at Linux's /sys and /proc")

CAPTURE, OUTPUT, METADATA = 0x1, 0x2, 0x800000


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A Linux machine's /sys and /dev, and what its devices answer."""
    answers: dict[str, tuple[str, int] | OSError] = {}
    for place in ("SYSFS", "DEV"):
        (tmp_path / place).mkdir()
        monkeypatch.setattr(v4l2, place, tmp_path / place)
    by_id = tmp_path / "DEV" / "v4l" / "by-id"
    by_id.mkdir(parents=True)

    def plug(index: int, name: str, driver: str, offers: int | OSError, link: str = "") -> None:
        entry = tmp_path / "SYSFS" / f"video{index}"
        entry.mkdir()
        (entry / "name").write_text(f"{name}\n")
        path = tmp_path / "DEV" / f"video{index}"
        path.touch()
        answers[path.name] = offers if isinstance(offers, OSError) else (driver, offers)
        if link:
            (by_id / link).symlink_to(f"../../video{index}")

    def answer(path: Path) -> tuple[str, int]:
        told = answers[path.name]
        if isinstance(told, OSError):
            raise told
        return told

    monkeypatch.setattr(v4l2, "capabilities", answer)
    return SimpleNamespace(plug=plug, dev=tmp_path / "DEV", by_id=by_id)


@linux_only
def test_only_cameras_are_listed(machine):
    """Cameras are listed in the order of their numbers; what else is a video device is not."""
    machine.plug(10, "Second Webcam", "uvcvideo", CAPTURE)
    machine.plug(2, "Acme Webcam", "uvcvideo", CAPTURE, link="usb-Acme_Webcam-index0")
    machine.plug(3, "Acme Webcam", "uvcvideo", METADATA)
    machine.plug(4, "Codec", "bcm2835-codec", CAPTURE | OUTPUT)
    machine.plug(5, "Gone", "uvcvideo", OSError(19, "No such device"))
    assert list_cameras() == [
        CameraInfo(2, "Acme Webcam", str(machine.by_id / "usb-Acme_Webcam-index0")),
        CameraInfo(10, "Second Webcam", str(machine.dev / "video10")),
    ]


@linux_only
def test_own_output_is_never_listed(machine):
    """Vcam never lists what it writes to: known by label, by state, or by holding it open."""
    machine.plug(0, "vcam", "v4l2 loopback", CAPTURE)
    machine.plug(1, "vcam", "", PermissionError(13, "Permission denied"))
    machine.plug(2, "Idle output", "v4l2 loopback", OUTPUT)
    machine.plug(3, "Relabelled output", "v4l2 loopback", CAPTURE | OUTPUT)
    machine.plug(4, "Phone", "v4l2 loopback", CAPTURE | OUTPUT)
    with (machine.dev / "video3").open():
        assert [camera.name for camera in list_cameras()] == ["Phone"]
    with pytest.raises(SourceError) as caught:
        find_camera(str(machine.dev / "video0"))
    assert caught.value.code == "source-unknown"
    assert "own output" in str(caught.value)


@linux_only
@pytest.mark.parametrize("wanted", ["1", "{dev}/video1", "phone", "pho"])
def test_unfed_virtual_webcam_is_found_when_named(machine, wanted: str):
    """A virtual webcam that nobody feeds yet is found by whoever names it, and listed for nobody.

    A real camera of the same name goes first.
    """
    machine.plug(0, "vcam", "v4l2 loopback", OUTPUT)
    machine.plug(1, "Phone", "v4l2 loopback", OUTPUT)
    assert list_cameras() == []
    assert find_camera(wanted.format(dev=machine.dev)).index == 1
    with pytest.raises(SourceError, match="No camera"):
        find_camera("")
    machine.plug(2, "Phone", "uvcvideo", CAPTURE)
    assert find_camera("phone").index == 2


@linux_only
@pytest.mark.parametrize(
    ("name", "driver", "says"),
    [("vcam", "v4l2 loopback", "own output"), ("Acme Webcam", "uvcvideo", "no pictures")],
)
def test_naming_makes_no_camera_of_what_is_none(machine, name: str, driver: str, says: str):
    """Neither vcam's own output nor a device that never gives pictures becomes a camera by name."""
    machine.plug(0, name, driver, OUTPUT)
    with pytest.raises(SourceError, match=says) as caught:
        find_camera(str(machine.dev / "video0"))
    assert caught.value.code == "source-unknown"


@linux_only
def test_loopback_that_vcam_writes_to_is_no_unfed_webcam(machine):
    """A loopback device that vcam has opened to write is its own before the first frame."""
    machine.plug(3, "Relabelled output", "v4l2 loopback", OUTPUT)
    path = machine.dev / "video3"
    with path.open(), pytest.raises(SourceError, match="own output"):
        find_camera(str(path))


@linux_only
def test_virtual_webcam_that_is_being_read_stays_listed(machine):
    """A virtual webcam that vcam itself reads is still a camera: its buffers are mapped."""
    machine.plug(0, "Phone", "v4l2 loopback", CAPTURE | OUTPUT)
    path = machine.dev / "video0"
    path.write_bytes(bytes(mmap.PAGESIZE))
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0):
        assert [camera.name for camera in list_cameras()] == ["Phone"]


@linux_only
def test_real_cameras_come_before_virtual_ones(machine):
    """What `auto` tries first is a real camera, whatever its number."""
    machine.plug(0, "Phone", "v4l2 loopback", CAPTURE)
    machine.plug(4, "Acme Webcam", "uvcvideo", CAPTURE)
    assert [camera.index for camera in list_cameras()] == [4, 0]


@linux_only
def test_camera_that_may_not_be_opened_is_listed(machine):
    """A camera this user may not open is listed all the same: opening it says what to do."""
    machine.plug(0, "Acme Webcam", "", PermissionError(13, "Permission denied"))
    assert [camera.name for camera in list_cameras()] == ["Acme Webcam"]


@linux_only
def test_holder_is_named():
    """The program that holds a device open is found by name; this one is not counted."""
    with open(__file__):  # noqa: PTH123
        assert v4l2.holders(Path(__file__)) == []
        holder = subprocess.Popen(["tail", "-f", __file__], stdout=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + 5
            while not (names := v4l2.holders(Path(__file__))) and time.monotonic() < deadline:
                time.sleep(0.02)
        finally:
            holder.kill()
            holder.wait()
    assert names == ["tail"]


@linux_only
def test_what_is_no_video_device_cannot_be_asked(tmp_path: Path):
    """Asking something that is no video device is an error, never a made-up answer."""
    path = tmp_path / "file"
    path.touch()
    with pytest.raises(OSError, match="ioctl"):
        v4l2.capabilities(path)
    assert v4l2.obstacle(path) != 0
    assert v4l2.obstacle(tmp_path / "nothing") == 2


THREE = [
    CameraInfo(0, "Integrated Camera", "/dev/v4l/by-id/usb-built-in"),
    CameraInfo(2, "Logitech BRIO", "/dev/v4l/by-id/usb-brio"),
    CameraInfo(4, "BRIO", "/dev/video4"),
]


@pytest.mark.parametrize(
    ("wanted", "index"),
    [("", 0), ("2", 2), ("/dev/video4", 4), ("logitech brio", 2), ("brio", 4), ("integr", 0)],
)
def test_camera_is_found(monkeypatch: pytest.MonkeyPatch, wanted: str, index: int):
    """A camera is meant by number, path, name, or part of a name; a full name goes first."""
    monkeypatch.setattr(cameras_module, "list_cameras", lambda: THREE)
    assert find_camera(wanted).index == index


@pytest.mark.parametrize("camera", THREE)
def test_spec_means_this_camera(monkeypatch: pytest.MonkeyPatch, camera: CameraInfo):
    """The spec that a camera states for itself finds that camera again."""
    monkeypatch.setattr(cameras_module, "list_cameras", lambda: THREE)
    assert find_camera(camera.spec.removeprefix("camera:")) == camera


@pytest.mark.parametrize(
    ("listed", "wanted", "says"), [([], "", "demo"), (THREE, "logitec brop", "Logitech BRIO")]
)
def test_unknown_camera_is_said_so(monkeypatch: pytest.MonkeyPatch, listed, wanted: str, says: str):
    """A camera that is not there is an error that offers what is there."""
    monkeypatch.setattr(cameras_module, "list_cameras", lambda: listed)
    with pytest.raises(SourceError) as caught:
        find_camera(wanted)
    assert caught.value.code == "source-missing"
    assert says in caught.value.hint


def test_virtual_cameras_elsewhere_are_left_out(monkeypatch: pytest.MonkeyPatch):
    """Where the system lists virtual cameras among the real ones, those are left out."""
    names = ["OBS Virtual Camera", "Acme Webcam", "Unity Video Capture #2", "vcam"]
    found = [SimpleNamespace(index=i, name=name, path=None) for i, name in enumerate(names)]
    module = SimpleNamespace(enumerate_cameras=lambda api: found)
    monkeypatch.setitem(sys.modules, "cv2_enumerate_cameras", module)
    assert listed_by(700) == [CameraInfo(1, "Acme Webcam", "")]
    assert listed_by(700)[0].spec == "camera:1"
