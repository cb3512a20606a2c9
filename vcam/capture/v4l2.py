"""What Linux says about its video devices: which are cameras, who holds one, why one won't open."""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

SYSFS = Path("/sys/class/video4linux")
DEV = Path("/dev")
PROC = Path("/proc")

# linux/videodev2.h
_QUERYCAP, _G_FMT, _S_FMT = 0x80685600, 0xC0D05604, 0xC0D05605
_BUFFER_CAPTURE = 1
_CAPTURE, _OUTPUT = 0x1 | 0x1000, 0x2 | 0x2000  # single- and multi-planar

_LOOPBACK = "v4l2 loopback"
_OWN_LABEL = "vcam"


@dataclass(frozen=True, slots=True)
class Node:
    """One /dev/videoN. refusal: why it is no camera for us, None if it is one."""

    index: int
    name: str
    path: Path
    refusal: str | None


def nodes() -> Iterator[Node]:
    """Every video device, in the order of their numbers."""
    found = [(int(entry.name[5:]), entry) for entry in SYSFS.glob("video[0-9]*")]
    for index, entry in sorted(found):
        with suppress(OSError):  # unplugged while we look
            name = (entry / "name").read_text(errors="replace").strip()
            path = DEV / entry.name
            yield Node(index, name, path, _refusal(path, name))


def stable_path(path: Path) -> Path:
    """The device's name that stays when the camera is plugged in again, if it has one."""
    with suppress(OSError):
        for link in sorted((DEV / "v4l" / "by-id").iterdir()):
            if link.resolve() == path:
                return link
    return path


def capabilities(path: Path) -> tuple[str, int]:
    """The driver's name and what the device offers now.

    Raises: OSError if it cannot be opened or is no video device.
    """
    answer = bytearray(104)  # struct v4l2_capability
    _ask(path, _QUERYCAP, answer)
    driver = bytes(answer[:16]).split(b"\0", 1)[0].decode(errors="replace")
    (offers,) = struct.unpack_from("=I", answer, 88)
    return driver, offers


def obstacle(path: Path) -> int:
    """The errno that keeps a program from streaming from this device; 0 if there is none."""
    form = bytearray(208)  # struct v4l2_format
    struct.pack_into("=I", form, 0, _BUFFER_CAPTURE)
    try:
        # Setting the format it already has changes nothing, but fails while somebody streams.
        _ask(path, _G_FMT, form)
        _ask(path, _S_FMT, form)
    except OSError as error:
        return error.errno or errno.EIO
    return 0


def holders(path: Path) -> list[str]:
    """Names of the other programs that have the device open, as far as this user may see them."""
    return [
        (PROC / pid / "comm").read_text(errors="replace").strip()
        for pid in os.listdir(PROC)  # noqa: PTH208 - names are all that is wanted
        if pid.isdigit() and int(pid) != os.getpid() and _has_open(pid, path)
    ]


def _refusal(path: Path, name: str) -> str | None:
    if name == _OWN_LABEL:
        return "it is vcam's own output"
    try:
        driver, offers = capabilities(path)
    except PermissionError:
        return None  # a camera for all we know; opening it will say what to do
    except OSError as error:
        return f"it cannot be asked: {error.strerror}"
    if not offers & _CAPTURE:
        return "it gives no pictures now"
    if offers & _OUTPUT:
        return "it is the writing end of a virtual camera"
    if driver == _LOOPBACK and any(
        _has_open(str(pid), path) for pid in (os.getpid(), os.getppid())
    ):
        return "vcam itself writes to it"
    return None


def _has_open(pid: str, path: Path) -> bool:
    """Whether a process has the device open; False also if we may not know."""
    with suppress(OSError):
        return any(os.readlink(link) == str(path) for link in (PROC / pid / "fd").iterdir())  # noqa: PTH115
    return False


def _ask(path: Path, request: int, answer: bytearray) -> None:
    handle = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    try:
        fcntl.ioctl(handle, request, answer)
    finally:
        os.close(handle)
