"""v4l2loopback devices: which there are, who writes to one, and the few V4L2 calls we need.

Linux only; plain ioctl on 64-bit systems, no package. Structures and numbers: linux/videodev2.h.
"""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

DRIVER = "v4l2 loopback"

_QUERYCAP, _G_FMT, _S_FMT = 0x80685600, 0xC0D05604, 0xC0D05605
_S_PARM, _STREAMON = 0xC0CC5616, 0x40045612
_CAPABILITY_SIZE, _FORMAT_SIZE, _STREAMPARM_SIZE = 104, 208, 204
_OUTPUT = 2  # both the buffer type and the capability bit; so is 1 for capture
_CAPTURE = 1
_I420 = int.from_bytes(b"YU12", "little")
_FIELD_NONE, _COLORSPACE_SRGB = 1, 8
_EXTENDED = 0xFEEDCAFE  # says that the fields after it mean something
_YCBCR_601, _LIMITED_RANGE = 1, 2

_DEV, _PROC = Path("/dev"), Path("/proc")
_VIDEO, _SYSFS = "video[0-9]*", Path("/sys/class/video4linux")


@dataclass(frozen=True, slots=True)
class Capability:
    """What a device says it is, and what it can do at this moment."""

    driver: str
    card: str
    can_capture: bool
    can_output: bool


@dataclass(frozen=True, slots=True)
class Process:
    """Somebody else who has a device open."""

    pid: int
    name: str

    def __str__(self) -> str:
        return f"{self.name} (process {self.pid})"


def open_device(path: Path) -> int:
    """A descriptor for ioctl and write, not inherited by children. Raises: OSError."""
    return os.open(path, os.O_RDWR | os.O_NONBLOCK)


def capability(fd: int) -> Capability:
    """Ask the device. Raises: OSError if it is no V4L2 device."""
    answer = bytearray(_CAPABILITY_SIZE)
    fcntl.ioctl(fd, _QUERYCAP, answer)
    driver, card = (bytes(answer[a:b]).split(b"\0")[0].decode() for a, b in ((0, 16), (16, 48)))
    (now,) = struct.unpack_from("=I", answer, 88)  # device_caps
    return Capability(driver, card, bool(now & _CAPTURE), bool(now & _OUTPUT))


def set_format(fd: int, width: int, height: int) -> None:
    """Ask for I420 of this size. The driver may keep what it has and say nothing: `has_format`.

    Raises: OSError, EBUSY if another program owns the format (0.14 and later), EINVAL if the
    device takes no output now.
    """
    wish = bytearray(_FORMAT_SIZE)
    struct.pack_into("=I", wish, 0, _OUTPUT)
    sizes = width, height, _I420, _FIELD_NONE, width, width * height * 3 // 2
    colours = _COLORSPACE_SRGB, _EXTENDED, 0, _YCBCR_601, _LIMITED_RANGE
    struct.pack_into("=11I", wish, 8, *sizes, *colours)
    fcntl.ioctl(fd, _S_FMT, wish)


def get_format(fd: int) -> tuple[int, int, str]:
    """Width, height and four-letter pixel format that the device has now. Raises: OSError."""
    answer = bytearray(_FORMAT_SIZE)
    struct.pack_into("=I", answer, 0, _OUTPUT)
    fcntl.ioctl(fd, _G_FMT, answer)
    width, height, fourcc = struct.unpack_from("=II4s", answer, 8)
    return width, height, fourcc.decode("latin1")


def set_rate(fd: int, fps: float) -> None:
    """Tell readers the frame rate, where the driver takes it: some programs send nothing else."""
    wish = bytearray(_STREAMPARM_SIZE)
    struct.pack_into("=5I", wish, 0, _OUTPUT, 0, 0, 1000, round(fps * 1000))
    with suppress(OSError):
        fcntl.ioctl(fd, _S_PARM, wish)


def stream_on(fd: int) -> None:
    """Be a streaming writer. Raises: OSError."""
    fcntl.ioctl(fd, _STREAMON, struct.pack("=i", _OUTPUT))


def heal(path: Path) -> None:
    """Make a device announce output again after its writer has gone.

    v4l2loopback 0.12 takes the output capability away at the first write and gives it back only
    when a descriptor closes that had started streaming, which writers by write() never do. So: be
    a streaming writer for a moment. Only the close counts; the call itself may fail for want of a
    format. Harmless to a healthy device, and to later versions, which need no healing. Not for a
    device that another program writes to: both would then be let in.
    """
    fd = open_device(path)
    try:
        with suppress(OSError):
            stream_on(fd)
    finally:
        os.close(fd)


def loopback_devices() -> Iterator[tuple[Path, Capability | OSError]]:
    """The v4l2loopback devices, ours (labelled vcam) first, then by number; or why not openable.

    Hardware is left alone: opening a webcam can wake it up.
    """
    found: list[tuple[Path, Capability | OSError]] = []
    for path in sorted(_DEV.glob(_VIDEO), key=lambda path: int(path.name.removeprefix("video"))):
        if "/virtual/" not in f"{(_SYSFS / path.name).resolve()}":
            continue
        try:
            fd = open_device(path)
        except OSError as error:
            found.append((path, error))
            continue
        try:
            said = capability(fd)
        except OSError:
            continue
        finally:
            os.close(fd)
        if said.driver == DRIVER:
            found.append((path, said))
    return iter(sorted(found, key=lambda one: not _is_ours(one[0])))


def _is_ours(path: Path) -> bool:
    """Whether the device carries the label that our documentation gives it."""
    try:
        return (_SYSFS / path.name / "name").read_text().startswith("vcam")
    except OSError:
        return False


def writers(path: Path) -> list[Process]:
    """Other processes that seem to write to the device, as far as this user may see them.

    Readers open it for writing too, but have its buffers mapped; who writes with write() has not.
    """
    return [p for p, maps in _users(path) if not maps]


def readers(path: Path) -> list[Process]:
    """Other processes that seem to read the device, as far as this user may see them."""
    return [p for p, maps in _users(path) if maps]


def _users(path: Path) -> Iterator[tuple[Process, bool]]:
    """Who else has the device open for writing, and whether it has the device's buffers mapped."""
    device, own = path.resolve(), str(os.getpid())
    for folder in _PROC.glob("[0-9]*"):
        if folder.name == own:
            continue
        with suppress(OSError):  # gone meanwhile, or another user's
            if not any(_is_open_for_writing(folder, fd, device) for fd in _fds(folder)):
                continue
            maps = str(device) in (folder / "maps").read_text()
            yield Process(int(folder.name), (folder / "comm").read_text().strip()), maps


def _fds(folder: Path) -> list[str]:
    return os.listdir(folder / "fd")  # noqa: PTH208 - thousands of names: no Path for each


def _is_open_for_writing(folder: Path, fd: str, device: Path) -> bool:
    try:
        if os.readlink(f"{folder}/fd/{fd}") != str(device):  # noqa: PTH115 - as above
            return False
        info = (folder / "fdinfo" / fd).read_text()
    except OSError:
        return False
    flags = next(line.split()[1] for line in info.splitlines() if line.startswith("flags:"))
    return int(flags, 8) & os.O_ACCMODE != os.O_RDONLY
