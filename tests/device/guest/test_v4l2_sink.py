"""The virtual camera of Linux, on v4l2loopback's real devices.

What it guards, from the complaints about every peer: the second start fails until the module is
loaded anew (each writer leaves a device with exclusive_caps=1 shut, a killed one too); a format
that a reader holds is taken for the one asked for, and readers see scrambled pictures; two writers
mix their frames; a failed write looks like a good one.
"""

import json
import os
import re
import subprocess
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from vcam.errors import SinkError
from vcam.publish.sinks import auto_sinks, open_sink
from vcam.publish.sinks.loopback import capability, open_device

WEBCAM, OUTPUT = "/dev/video0", "/dev/video10"
FRAME_BYTES = 640 * 480 * 3 // 2
BARS = ((200, 60, 40), (40, 180, 60), (220, 170, 140), (30, 60, 200))


@contextmanager
def opened(spec: str = f"v4l2:{OUTPUT}", *, width: int = 640, height: int = 480, fps: int = 30):
    """A sink that has sent a frame, closed in the end."""
    sink = open_sink(spec, width=width, height=height, fps=fps)
    try:
        sink.send(np.zeros((height, width, 3), np.uint8), 0)
        yield sink
    finally:
        sink.close()


def refusal(spec: str = f"v4l2:{OUTPUT}", *, width: int = 640, height: int = 480) -> SinkError:
    """The error of an attempt to open."""
    with pytest.raises(SinkError) as caught:
        open_sink(spec, width=width, height=height, fps=30)
    return caught.value


def announced(device: str = OUTPUT) -> tuple[bool, bool]:
    """Whether the device offers itself as a camera, and as a place to write to."""
    fd = open_device(device)
    try:
        said = capability(fd)
    finally:
        os.close(fd)
    return said.can_capture, said.can_output


@pytest.fixture
def writing(programs, wait_for):
    """Start a vcam that writes, and wait until the device is a camera."""

    def start(**options):
        writer = programs.write(**options)
        wait_for(lambda: announced() == (True, False))
        return writer

    return start


def is_rising(numbers: list[int | None]) -> bool:
    """Whether the painted numbers never go back; a slate has none."""
    painted = [n for n in numbers if n is not None]
    return len(painted) > 0.8 * len(numbers) and painted == sorted(painted)


def test_opencv_sees_every_frame_in_order_and_colour(programs):
    """OpenCV reads distinct, rising frames of the right size and colours at the writer's rate."""
    programs.write(fps=20)
    seen = programs.read(frames=50)
    assert seen.size == [640, 480]
    assert is_rising(seen.numbers)
    assert seen.distinct >= 40
    assert 15 < seen.fps < 25
    assert np.abs(np.subtract(seen.colours, BARS)).max() <= 6


def test_ffmpeg_and_v4l2_ctl_see_distinct_frames(writing):
    """FFmpeg and v4l2-ctl, which read in their own ways, get distinct frames too."""
    writing(fps=20)
    command = f"ffmpeg -nostdin -v error -f v4l2 -i {OUTPUT} -frames:v 20 -f framemd5 -"
    lines = subprocess.check_output(command.split(), text=True, timeout=60).splitlines()
    sums = [line.split(",")[-1] for line in lines if line[0] != "#"]
    assert len(sums) == 20
    assert len(set(sums)) >= 16
    stream = ("--stream-mmap=3", "--stream-count=20", "--stream-to=/tmp/raw.yuv")
    subprocess.run(["v4l2-ctl", "-d", OUTPUT, *stream], capture_output=True, check=True, timeout=60)
    frames = np.fromfile("/tmp/raw.yuv", np.uint8).reshape(-1, FRAME_BYTES)
    assert len(frames) == 20
    assert len({frame.tobytes() for frame in frames}) >= 16


def test_device_is_a_camera_from_the_first_frame_on():
    """As soon as a frame is out, programs can list and open the camera; the rate is told too."""
    with opened(fps=24):
        can_capture, _ = announced()
        assert can_capture
        told = subprocess.run(
            ["v4l2-ctl", "-d", OUTPUT, "--get-fmt-video", "--get-parm"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    assert re.search(r"Width/Height\s*: 640/480", told)
    assert "YU12" in told
    assert "24.000" in told


def test_it_can_be_opened_again_and_again():
    """Second and third start work after a proper end, each at another size."""
    for width, height in ((640, 480), (1280, 720), (320, 240)):
        with opened(width=width, height=height):
            pass
        assert announced() == (False, True)


def test_it_can_be_opened_after_kill_9(writing):
    """After kill -9 the device has healed by itself; second and third start work at once."""
    for _ in range(2):
        writer = writing()
        writer.kill()
        writer.wait()
        assert announced() == (False, True)
    with opened():
        pass


def test_a_reader_lives_through_a_killed_writer(programs):
    """A program that reads goes on with the next writer's frames on the device it has open."""
    writer = programs.write()
    reader = programs.reader(frames=60)
    writer.kill()
    writer.wait()
    programs.write()
    out, err = reader.communicate(timeout=60)
    seen = json.loads(out or f'"{err}"')
    painted = [number for number in seen["numbers"] if number is not None]
    assert seen["frames"] == 60
    assert sum(b < a for a, b in pairwise(painted)) == 1, "not one frame of each writer"


def test_a_device_left_shut_by_another_program_is_healed():
    """A device that FFmpeg used, and that nobody can write to any more, opens all the same."""
    source = ("-f", "lavfi", "-i", "testsrc2=size=640x480:rate=30", "-frames:v", "5")
    out = ("-pix_fmt", "yuv420p", "-f", "v4l2", OUTPUT)
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", *source, *out], check=True, timeout=60)
    assert announced() == (False, False)
    with opened():
        pass
    assert announced() == (False, True)


def test_a_second_vcam_is_refused_with_the_name_of_the_first(programs):
    """Two writers never mix; who has the device is named with its process id."""
    writer = programs.write()
    error = refusal()
    assert error.code == "sink-busy"
    assert f"process {writer.pid}" in error.message
    assert "python" in error.message
    seen = programs.read(frames=20)
    assert is_rising(seen.numbers), "the attempt disturbed the one that writes"


def test_another_writing_program_is_named(programs, wait_for):
    """A device that another program writes to is busy, also where it always announces output."""
    source = ("-re", "-f", "lavfi", "-i", "testsrc2=size=640x480:rate=15", "-pix_fmt", "yuyv422")
    feed = programs.start("ffmpeg", "-nostdin", "-v", "error", *source, "-f", "v4l2", WEBCAM)
    ask = ("v4l2-ctl", "-d", WEBCAM, "--get-fmt-video")
    wait_for(lambda: b"640/480" in subprocess.run(ask, capture_output=True, check=False).stdout)
    assert programs.read(WEBCAM, frames=10).distinct > 5
    error = refusal(f"v4l2:{WEBCAM}")
    assert error.code == "sink-busy"
    assert f"ffmpeg (process {feed.pid})" in error.message


def test_one_program_does_not_open_a_device_twice():
    """Two sinks of one run on one device: the second is refused."""
    with opened():
        assert refusal().code == "sink-busy"


def test_a_size_that_a_reader_holds_is_refused(programs, writing, wait_for):
    """While a reader keeps the old size, a new one is refused, with the reader's name and a way."""
    writer = writing()
    reader = programs.start("v4l2-ctl", "-d", OUTPUT, "--stream-mmap=2", "--stream-count=100000")
    wait_for(lambda: OUTPUT in Path(f"/proc/{reader.pid}/maps").read_text())
    writer.kill()
    writer.wait()
    error = refusal(width=320, height=240)
    assert error.code == "sink-refused"
    assert f"v4l2-ctl (process {reader.pid})" in error.message
    assert "--size 640x480" in error.hint
    with opened():  # the size it has is welcome
        pass


def test_without_permission_the_group_is_named():
    """A user outside the group is told the command that lets them in."""
    os.seteuid(65534)
    try:
        error, choice = refusal(), auto_sinks()
    finally:
        os.seteuid(0)
    assert error.code == "sink-denied"
    assert "usermod -aG video" in error.hint
    assert choice.specs == ("preview",)


@pytest.mark.parametrize(
    ("device", "code"), [("/dev/video77", "sink-missing"), ("/dev/null", "sink-refused")]
)
def test_what_is_no_virtual_camera_is_refused(device, code):
    """A device that is not there, or is something else, is told with the command that makes one."""
    error = refusal(f"v4l2:{device}")
    assert error.code == code
    assert "modprobe v4l2loopback exclusive_caps=1 card_label=vcam" in error.hint


def test_ours_is_preferred_when_none_is_named():
    """With two loopback devices, the one labelled vcam is taken, not the lower number."""
    assert auto_sinks().specs == ("v4l2", "preview")
    with opened("v4l2") as sink:
        assert sink.name == f"v4l2:{OUTPUT}"


def test_stopping_in_order_leaves_a_slate_and_a_healthy_device(programs, writing, wait_for):
    """On its way out vcam sends the slate, closes in time, and the device takes the next writer."""
    writer = writing()
    stream = ("--stream-mmap=3", "--stream-count=100000", "--stream-to=/tmp/last.yuv")
    programs.start("v4l2-ctl", "-d", OUTPUT, *stream)
    recorded = Path("/tmp/last.yuv")
    wait_for(lambda: recorded.exists() and recorded.stat().st_size > FRAME_BYTES)
    out, err = writer.communicate("", timeout=20)
    assert '"is_in_time": true' in out, err
    assert '"state": "closed"' in out
    wait_for(lambda: is_slate(np.fromfile(recorded, np.uint8)))
    programs.end()
    assert announced() == (False, True)


def is_slate(data: np.ndarray) -> bool:
    """Whether the last frame is a slate: dark and calm, with some text in its middle.

    Its last bytes may still be in the recorder's buffer.
    """
    luma = data[(len(data) - 1) // FRAME_BYTES * FRAME_BYTES :][: 640 * 480]
    if len(luma) < 640 * 480:
        return False
    rows = luma.reshape(480, 640)
    return bool(rows[:60].max() < 60 and rows[150:330].max() > 180)
