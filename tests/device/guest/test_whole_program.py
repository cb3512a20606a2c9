"""`vcam run` on real devices: a webcam in, a styled virtual camera out; stopped, killed, refused.

The engine is the real one with the real weights, on the guest's one processor: a styled frame takes
it seconds, so few are read. The publisher repeats each at its own rate meanwhile, as promised.
"""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.device.guest.scripts import marks, pictures

WEBCAM, OUTPUT = "/dev/video0", "/dev/video10"
WIDTH, HEIGHT = 640, 480
ROOT = Path(__file__).parents[3]
PRESENTER = ROOT / "vcam" / "capture" / "assets" / "presenter.mp4"
PATIENCE_S = 120  # for the model to load and a few frames, on a busy machine

FACE = np.s_[200:360, 260:380]  # from the brows to the chin
BESIDE = np.s_[80:300, :160]  # the wall


@pytest.fixture
def run(programs, tmp_path, monkeypatch):
    """Start `vcam run` with a home of its own."""
    monkeypatch.setenv("VCAM_HOME", str(tmp_path))

    def start(source=f"camera:{WEBCAM}", sink=f"v4l2:{OUTPUT}"):
        what = ("--source", source, "--sink", sink, "--size", f"{WIDTH}x{HEIGHT}")
        return programs.start(sys.executable, "-m", "vcam", "run", *what, "--no-tray", "--no-web")

    return start


def by_opencv() -> Iterator[np.ndarray]:
    """Frames as OpenCV reads them, RGB."""
    camera = cv2.VideoCapture(OUTPUT, cv2.CAP_V4L2)
    try:
        while (read := camera.read())[0]:
            yield read[1][..., ::-1]
    finally:
        camera.release()


def by_program(programs, *command: str) -> Iterator[np.ndarray]:
    """Frames as a program reads them and writes them to its standard output (YU12), RGB."""
    process = programs.start(*command)
    try:
        while len(data := process.stdout.buffer.read(WIDTH * HEIGHT * 3 // 2)):
            planes = np.frombuffer(data, np.uint8).reshape(HEIGHT * 3 // 2, WIDTH)
            yield cv2.cvtColor(planes, cv2.COLOR_YUV2RGB_I420)
    finally:
        process.kill()


def numbered(frames: Iterator[np.ndarray], count: int) -> dict[int, np.ndarray]:
    """The first frames of so many different numbers, which rise; slates have none."""
    found: dict[int, np.ndarray] = {}
    end_s = time.monotonic() + PATIENCE_S
    with closing(frames):
        for frame in frames:
            if (number := marks.read(frame)) is not None:
                assert number >= max(found, default=0), "a frame came back"
                found.setdefault(number, frame)
            if len(found) == count:
                return found
            assert time.monotonic() < end_s, f"only {sorted(found)} in {PATIENCE_S} s"
    raise AssertionError(f"the camera ended after {sorted(found)}")


def assert_styled(found: dict[int, np.ndarray], webcam: list[np.ndarray]) -> None:
    """Each frame shows another face than the webcam's frame of this number, on the same wall."""
    for number, frame in found.items():
        change = np.abs(frame.astype(np.int16) - webcam[number % len(webcam)])
        assert change[FACE].mean() > 8, f"frame {number} shows the own face"
        assert change[BESIDE].mean() < 3, f"frame {number} is not the webcam's of that number"


def engines(daemon: subprocess.Popen[str]) -> list[int]:
    """Process ids of the daemon's children."""
    lists = Path(f"/proc/{daemon.pid}/task").glob("*/children")
    return [int(pid) for children in lists for pid in children.read_text().split()]


def is_running(pid: int) -> bool:
    """Whether the process is there, and not only its exit status."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def test_whole_program_styles_the_webcam_start_after_start(programs, run, wait_for, deadline):
    """Three programs read styled frames; a stop and a kill -9 leave all ready for the next start.

    SIGTERM ends it with 0 within two seconds; after kill -9 the engine, and with it the webcam's
    light, is gone within one.
    """
    programs.write(WEBCAM, fps=5, clip=PRESENTER)
    webcam = pictures.clip(str(PRESENTER), WIDTH, HEIGHT)

    first = run()
    wait_for(lambda: is_camera(OUTPUT), PATIENCE_S)
    assert_styled(numbered(by_opencv(), 3), webcam)
    ffmpeg = ("ffmpeg", "-nostdin", "-v", "error", "-f", "v4l2", "-i", OUTPUT)
    raw = ("-pix_fmt", "yuv420p", "-f", "rawvideo", "-")
    assert_styled(numbered(by_program(programs, *ffmpeg, *raw), 2), webcam)
    stream = ("--stream-mmap=3", "--stream-count=1000000", "--stream-to=-")
    v4l2_ctl = ("v4l2-ctl", "-d", OUTPUT, *stream)
    assert_styled(numbered(by_program(programs, *v4l2_ctl), 2), webcam)
    began_s = time.monotonic()
    first.send_signal(signal.SIGTERM)
    assert first.wait(60) == 0, first.communicate()
    took_s = time.monotonic() - began_s
    assert took_s < deadline(2.0)

    second = run()
    wait_for(lambda: is_camera(OUTPUT), PATIENCE_S)
    assert_styled(numbered(by_opencv(), 1), webcam)
    (engine,) = engines(second)
    began_s = time.monotonic()
    second.kill()
    wait_for(lambda: not is_running(engine))
    took_s = time.monotonic() - began_s
    assert took_s < deadline(1.0)

    run()
    wait_for(lambda: is_camera(OUTPUT), PATIENCE_S)
    assert_styled(numbered(by_opencv(), 1), webcam)


@pytest.fixture
def loopback_webcam(wait_for):
    """The webcam as other programs make theirs: with exclusive_caps=1 it is an output until fed.

    The module stays in use for a moment after the last program that had it open was killed.
    """

    def succeeds(*command: str) -> bool:
        return subprocess.run(command, check=False).returncode == 0

    module = "/run/testbed/modules/v4l2loopback.ko"
    labels = 'card_label="Test Webcam,vcam"'
    wait_for(lambda: succeeds("tb", "rmmod", "v4l2loopback"), PATIENCE_S)
    assert succeeds("tb", "insmod", module, f"video_nr=0,10 exclusive_caps=1,1 {labels}")
    yield
    wait_for(lambda: succeeds("cam", "reload"), PATIENCE_S)


def test_whole_program_waits_for_a_virtual_webcam_to_be_fed(
    loopback_webcam, programs, run, wait_for
):
    """A named virtual webcam that nobody feeds yet is waited for behind the slate, then styled."""
    assert not is_camera(WEBCAM)
    running = run()
    wait_for(lambda: is_camera(OUTPUT), PATIENCE_S)
    said: list[str] = []
    threading.Thread(target=lambda: [said.append(line) for line in running.stdout]).start()
    wait_for(lambda: any("no program feeds it" in line for line in said), PATIENCE_S)
    assert programs.read(frames=2).numbers == [None, None], "no slate"
    programs.write(WEBCAM, fps=5, clip=PRESENTER)
    webcam = pictures.clip(str(PRESENTER), WIDTH, HEIGHT)
    assert_styled(numbered(by_opencv(), 1), webcam)


def is_camera(device: str) -> bool:
    """Whether somebody publishes: the device then announces capture."""
    told = subprocess.run(
        ["v4l2-ctl", "-d", device, "--info"], capture_output=True, text=True, check=False
    ).stdout
    return "Video Capture" in told.partition("Device Caps")[2]


@pytest.mark.parametrize(
    ("flags", "code", "status", "named"),
    [
        ({"sink": "v4l2:/dev/video77"}, "sink-missing", 3, "modprobe v4l2loopback"),
        ({"source": "camera:/dev/video7"}, "source-missing", 3, "vcam cameras"),
    ],
)
def test_whole_program_names_a_device_that_is_absent(run, flags, code, status, named):
    """Without its output device or its camera the program ends with 3 and the way to get one."""
    assert_refused(run(**flags), code, status, named)


def test_whole_program_names_who_has_the_output(programs, run):
    """While another program writes to the device, vcam ends with 4 and names it."""
    writer = programs.write()
    assert_refused(run(), "sink-busy", 4, f"process {writer.pid}")


def assert_refused(process: subprocess.Popen[str], code: str, status: int, named: str) -> None:
    """The command ends with this status and the three lines of its error, with no traceback."""
    _, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == status, said
    assert f"code: {code}" in said
    assert named in said
    assert "Traceback" not in said
