"""The virtual camera of Linux: frames written to a v4l2loopback device.

Runs on the publisher thread; a write never waits for readers. Ours rather than a package's,
because what goes wrong with these devices goes wrong around the writing: a device left shut by its
last writer, a size that a reader holds frozen, a second writer, a frame taken in part. Each of them
is seen here and said (or cured).
"""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import suppress
from pathlib import Path

from vcam.errors import SinkError
from vcam.frame.nouns import Pixels
from vcam.publish.sinks import loopback
from vcam.publish.sinks.base import Sink
from vcam.publish.sinks.i420 import I420Converter

LOAD_MODULE = "sudo modprobe v4l2loopback exclusive_caps=1 card_label=vcam"
JOIN_GROUP = "sudo usermod -aG video $USER, then log out and in again"


class V4l2Sink(Sink):
    """Writes I420 frames to a v4l2loopback device.

    device: its path; None takes the first loopback device that can be had, those labelled vcam
    first. source: the camera that is being read, which may be a loopback device that nobody feeds
    yet. width, height: even.
    Raises: SinkError (sink-missing, sink-denied, sink-busy, sink-refused).
    """

    reopens = True

    def __init__(
        self,
        width: int,
        height: int,
        fps: float,
        device: str | None = None,
        source: Path | None = None,
    ) -> None:
        if device is None:
            self._path, self._fd = _open_first(width, height, source)
        elif _is_same(Path(device), source):
            raise SinkError(
                "sink-refused",
                f"{device} is the source itself.",
                f"choose another device, or make a second one: {LOAD_MODULE} devices=2",
            )
        else:
            self._path = Path(device)
            self._fd = _open(self._path, width, height)
        self._guard: int | None = None
        self._is_guarded = False
        self.name = f"v4l2:{self._path}"
        loopback.set_rate(self._fd, fps)
        self._converter = I420Converter(width, height)

    def send(self, pixels: Pixels, at_ns: int) -> None:
        """Write one frame."""
        planes = self._converter.convert(pixels)
        try:
            written = os.write(self._fd, planes.data)
        except OSError as error:
            raise _refused(self._path, f"took no frame: {_reason(error)}") from error
        if written != planes.nbytes:
            raise _refused(self._path, f"took {written} of {planes.nbytes} bytes of a frame")
        if not self._is_guarded:
            self._guard_device()

    def close(self) -> None:
        """Let go of the device; it is ready for the next writer at once."""
        os.close(self._fd)
        if self._guard is not None:
            os.close(self._guard)

    def _guard_device(self) -> None:
        """Hold a second descriptor, as a streaming writer, for as long as this process lives.

        However the process ends, kill -9 included, the kernel closes it, and that heals the device
        for the next start (loopback.heal). Only after the first frame: drivers from 0.14 on have
        one place for a writer, which the frame takes; they refuse the guard and do not need it.
        """
        self._is_guarded = True
        guard = -1
        try:
            guard = loopback.open_device(self._path)
            loopback.stream_on(guard)
        except OSError:
            if guard >= 0:
                os.close(guard)
        else:
            self._guard = guard


def _is_same(path: Path, source: Path | None) -> bool:
    return source is not None and path.resolve() == source.resolve()


def _open_first(width: int, height: int, source: Path | None) -> tuple[Path, int]:
    """The first loopback device that can be had and is not the source."""
    first: SinkError | None = None
    for path, _ in loopback.loopback_devices():
        if _is_same(path, source):
            first = first or SinkError(
                "sink-missing",
                f"The virtual camera at {path} is the source itself, and there is no other.",
                f"make a second one: {LOAD_MODULE} devices=2",
            )
            continue
        try:
            return path, _open(path, width, height)
        except SinkError as error:
            first = first or error
    raise first or SinkError(
        "sink-missing", "There is no virtual camera: v4l2loopback is not loaded.", LOAD_MODULE
    )


def _open(path: Path, width: int, height: int) -> int:
    """A descriptor of the device, healed if needed, ours alone, with the format set and checked."""
    fd = _open_for_output(path)
    try:
        _lock(fd, path)
        try:
            loopback.set_format(fd, width, height)
            has = loopback.get_format(fd)
        except OSError as error:
            if error.errno == errno.EBUSY:
                raise _busy(path) from error
            raise _refused(path, f"does not take frames: {_reason(error)}") from error
        if has != (width, height, "YU12"):
            raise _frozen(path, has, (width, height))
    except SinkError:
        os.close(fd)
        raise
    return fd


def _open_for_output(path: Path) -> int:
    """A descriptor of a device that announces output."""
    fd, said = _query(path)
    if said.can_output and not said.can_capture:
        return fd
    # Somebody writes, or wrote and left the device shut, or exclusive_caps is off.
    others = loopback.writers(path)
    if others:
        os.close(fd)
        raise _busy(path, others)
    if not said.can_output:
        os.close(fd)
        with suppress(OSError):
            loopback.heal(path)
        fd, said = _query(path)
    return fd


def _query(path: Path) -> tuple[int, loopback.Capability]:
    """Open a device and see that it is v4l2loopback's."""
    try:
        fd = loopback.open_device(path)
    except OSError as error:
        raise _not_opened(path, error) from error
    try:
        said = loopback.capability(fd)
    except OSError:
        said = loopback.Capability(
            "no video device", path.name, can_capture=False, can_output=False
        )
    if said.driver != loopback.DRIVER:
        os.close(fd)
        raise SinkError(
            "sink-refused",
            f"{path} ({said.card}, {said.driver}) is not a virtual camera.",
            f"choose one of v4l2loopback's devices, or load it: {LOAD_MODULE}",
        )
    return fd, said


def _lock(fd: int, path: Path) -> None:
    """Keep a second vcam out, this program's own other sinks included."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise _busy(path) from error


def _not_opened(path: Path, error: OSError) -> SinkError:
    match error.errno:
        case errno.EACCES | errno.EPERM:
            return SinkError("sink-denied", f"{path} may not be opened by this user.", JOIN_GROUP)
        case errno.ENOENT | errno.ENODEV | errno.ENXIO:
            return SinkError(
                "sink-missing",
                f"There is no virtual camera at {path}.",
                f"leave the device out to take the first there is, or load one: {LOAD_MODULE}",
            )
        case errno.EBUSY:
            return _busy(path)
        case _:
            return _refused(path, f"cannot be opened: {_reason(error)}")


def _busy(path: Path, others: list[loopback.Process] | None = None) -> SinkError:
    others = loopback.writers(path) if others is None else others
    who = " and ".join(map(str, others)) or "another program"
    return SinkError(
        "sink-busy",
        f"{path} is written to by {who}.",
        f"end that program, or make a second device: {LOAD_MODULE} devices=2",
    )


def _frozen(path: Path, has: tuple[int, int, str], wanted: tuple[int, int]) -> SinkError:
    who = " and ".join(map(str, loopback.readers(path))) or "a program"
    width, height, _ = has
    return SinkError(
        "sink-refused",
        f"{path} stays at {width}x{height} while {who} has it open; "
        f"{wanted[0]}x{wanted[1]} was asked for.",
        f"close the programs that use the camera, or start with --size {width}x{height}",
    )


def _refused(path: Path, how: str) -> SinkError:
    return SinkError(
        "sink-refused",
        f"{path} {how}.",
        f"load the driver anew: sudo modprobe -r v4l2loopback && {LOAD_MODULE}",
    )


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
