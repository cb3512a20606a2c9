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
_OWN_LABEL, _OWN_OUTPUT = "vcam", "it is vcam's own output"
_NO_PICTURES = "it gives no pictures now"


@dataclass(frozen=True, slots=True)
class Node:
    """One /dev/videoN.

    refusal: why it is no camera for us, None if it is one. is_loopback: another program feeds it,
    or will.
    """

    index: int
    name: str
    path: Path
    refusal: str | None
    is_loopback: bool

    @property
    def is_unfed(self) -> bool:
        """Whether it will be a camera as soon as a program feeds it."""
        return self.is_loopback and self.refusal == _NO_PICTURES


def nodes() -> Iterator[Node]:
    """Every video device, in the order of their numbers."""
    found = [(int(entry.name[5:]), entry) for entry in SYSFS.glob("video[0-9]*")]
    for index, entry in sorted(found):
        try:
            name = (entry / "name").read_text(errors="replace").strip()
            path = DEV / entry.name
            driver, refusal = _examine(path, name)
        except OSError:  # unplugged while we look
            continue
        yield Node(index, name, path, refusal, driver == _LOOPBACK)


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


def is_loopback(path: Path) -> bool:
    """Whether the device shows what another program feeds it; False also if it cannot be asked."""
    with suppress(OSError):
        return capabilities(path)[0] == _LOOPBACK
    return False


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
    names: list[str] = []
    for process in PROC.glob("[0-9]*"):
        with suppress(OSError):  # it ended while we look
            if process.name != str(os.getpid()) and _has_open(process.name, path):
                names.append((process / "comm").read_text(errors="replace").strip())
    return names


def _examine(path: Path, name: str) -> tuple[str, str | None]:
    """The device's driver, and why it is no camera for us."""
    try:
        driver, offers = capabilities(path)
    except PermissionError:
        # A camera for all we know; opening it will say what to do.
        return "", _OWN_OUTPUT if name == _OWN_LABEL else None
    except OSError as error:
        return "", f"it cannot be asked ({error.strerror})"
    if name == _OWN_LABEL:
        return driver, _OWN_OUTPUT
    is_loopback = driver == _LOOPBACK
    if is_loopback and any(_writes_to(str(pid), path) for pid in (os.getpid(), os.getppid())):
        return driver, _OWN_OUTPUT
    if not offers & _CAPTURE:
        return driver, _NO_PICTURES
    return driver, "it converts pictures" if offers & _OUTPUT and not is_loopback else None


def _writes_to(pid: str, path: Path) -> bool:
    """Whether a process writes to a loopback device: one that reads maps the device's buffers."""
    return _has_open(pid, path) and str(path) not in (PROC / pid / "maps").read_text()


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
