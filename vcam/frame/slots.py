"""Three slots of shared memory that carry frames from the engine to the daemon.

In: frames the engine composes in place, on its edit thread. Out: copies of the newest one, on the
daemon's publisher thread. One writer, one reader, no lock and no queue: the writer takes a slot
that is neither the newest nor being read, and the reader checks the slot's sequence number before
and after its copy (a seqlock; Lameter, "Effective Synchronization on Linux/NUMA Systems", 2005).

Block: a page of 64-bit integers (`_HEAD`, then `_SLOT` for each slot), then the slots' pixels, each
on pages of its own.
"""

from __future__ import annotations

import os
import secrets
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from enum import IntEnum
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vcam.frame.nouns import Look, Pixels, PublishedFrame

SLOTS = 3
_PAGE = 4096
_FORM = 0x7663616D_0001  # "vcam", version of this layout
_NONE = -1
_MOST_TRIES = 8  # a copy is torn only if the writer went round all slots meanwhile
_PREFIX = "vcam"
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where Linux shows the names; only looked through


class _Head(IntEnum):
    """Places of the block's integers."""

    FORM = 0
    WIDTH = 1
    HEIGHT = 2
    NEWEST = 3  # slot, or _NONE
    READING = 4  # slot the reader is copying, or _NONE


class _Slot(IntEnum):
    """Places of a slot's integers."""

    SEQUENCE = 0  # odd while the writer is in the slot; grows with every use
    SEQ = 1
    CAPTURED_NS = 2
    EDITED_NS = 3
    LOOK = 4
    REVISION = 5


class FrameSlots:
    """Three slots of shared memory for frames of one size; one writer, one reader, no lock.

    `create` in the daemon, `attach` in the engine. Nothing is left behind when either dies: the
    name goes as soon as the engine is attached, the memory with the last process that maps it.
    """

    def __init__(self, memory: SharedMemory, width: int, height: int) -> None:
        self.name, self.width, self.height = memory.name, width, height
        self._memory: SharedMemory | None = memory
        integers = _integers(memory)
        pixels: Pixels = np.ndarray(memory.size, np.uint8, memory.buf)
        self._head = integers[: len(_Head)]
        self._slots = [
            integers[at : at + len(_Slot)]
            for at in range(len(_Head), len(_Head) + SLOTS * len(_Slot), len(_Slot))
        ]
        stride, size = _stride(width, height), width * height * 3
        self._pictures: list[Pixels] = [
            pixels[at : at + size].reshape(height, width, 3)
            for at in range(_PAGE, _PAGE + SLOTS * stride, stride)
        ]
        self._reserved = _NONE
        self._fence = threading.Lock()

    @classmethod
    def create(cls, width: int, height: int) -> FrameSlots:
        """New slots under a random name, readable by this user alone."""
        _forget_dead_owners()
        name = f"{_PREFIX}-{os.getpid()}-{secrets.token_hex(6)}"  # 31 characters are macOS's most
        memory = _open(name, _PAGE + SLOTS * _stride(width, height))
        slots = cls(memory, width, height)
        slots._head[:] = (_FORM, width, height, _NONE, _NONE)
        return slots

    @classmethod
    def attach(cls, name: str, width: int, height: int) -> FrameSlots:
        """The slots that another process created; takes their name away.

        Raises: FileNotFoundError if there are none of that name; ValueError if they have another
        size or form.
        """
        memory = _open(name)
        needed = _PAGE + SLOTS * _stride(width, height)
        # Systems round sizes up to pages, so more than is needed is fine.
        fits = memory.size >= needed
        if not fits or _integers(memory)[:3].tolist() != [_FORM, width, height]:
            memory.close()
            raise ValueError(f"shared memory {name!r} holds no slots of {width}x{height}")
        slots = cls(memory, width, height)
        slots.unlink()
        return slots

    def unlink(self) -> None:
        """Take the name away; whoever has it mapped goes on. Harmless if it is gone already."""
        if self._memory is not None and sys.platform != "win32":  # Windows: goes with its users
            _unlink(self._memory)

    def close(self) -> None:
        """Unmap the memory; views given out by `reserve` must be gone by then."""
        memory, self._memory = self._memory, None
        if memory is not None:
            self._head, self._slots, self._pictures = np.empty(0, np.int64), [], []
            memory.close()

    # ---- writer ------------------------------------------------------------------------------

    def reserve(self) -> Pixels:
        """A slot to compose the next frame in, [H, W, 3]; the same one until it is published."""
        if self._reserved == _NONE:
            taken = int(self._head[_Head.NEWEST]), int(self._head[_Head.READING])
            self._reserved = next(i for i in range(SLOTS) if i not in taken)
            self._slots[self._reserved][_Slot.SEQUENCE] += 1
            self._keep_order()
        return self._pictures[self._reserved]

    def publish(self, *, seq: int, captured_ns: int, look: Look, revision: int) -> None:
        """Make the reserved slot the newest, finished now.

        Raises: ValueError if no slot is reserved.
        """
        if self._reserved == _NONE:
            raise ValueError("reserve() a slot before publish()")
        slot = self._slots[self._reserved]
        slot[_Slot.SEQ], slot[_Slot.CAPTURED_NS] = seq, captured_ns
        slot[_Slot.EDITED_NS] = time.monotonic_ns()
        slot[_Slot.LOOK], slot[_Slot.REVISION] = look, revision
        self._keep_order()
        slot[_Slot.SEQUENCE] += 1
        self._keep_order()
        self._head[_Head.NEWEST] = self._reserved
        self._reserved = _NONE

    # ---- reader ------------------------------------------------------------------------------

    def read_newest(self, into: Pixels, *, after_edited_ns: int) -> PublishedFrame | None:
        """Copy the newest frame into `into`, if it was finished after `after_edited_ns`.

        Returns: None if there is no newer frame; `into` may have been written to all the same.
        """
        try:
            for _ in range(_MOST_TRIES):
                newest = int(self._head[_Head.NEWEST])
                if newest == _NONE:
                    return None
                self._head[_Head.READING] = newest
                self._keep_order()
                slot = self._slots[newest]
                before = int(slot[_Slot.SEQUENCE])
                self._keep_order()
                if before % 2:  # the writer came round before it saw that we read here
                    continue
                _, seq, captured_ns, edited_ns, look, revision = map(int, slot)
                if edited_ns > after_edited_ns:
                    np.copyto(into, self._pictures[newest])
                self._keep_order()
                if int(slot[_Slot.SEQUENCE]) != before:
                    continue
                if edited_ns <= after_edited_ns:
                    return None
                return PublishedFrame(into, seq, captured_ns, edited_ns, Look(look), revision)
            return None
        finally:
            self._head[_Head.READING] = _NONE

    def _keep_order(self) -> None:
        """Keep memory accesses on either side apart.

        ARM may let them pass each other. Python has no fence of its own, but nothing moves past
        the release of a lock followed by its acquisition.
        """
        with self._fence:
            pass
        with self._fence:
            pass


def _stride(width: int, height: int) -> int:
    """Bytes from slot to slot: whole pages."""
    return -(-width * height * 3 // _PAGE) * _PAGE


def _integers(memory: SharedMemory) -> NDArray[np.int64]:
    return np.ndarray(_PAGE // 8, np.int64, memory.buf)


def _open(name: str, size: int = 0) -> SharedMemory:
    """Shared memory by name; made, owner only, if a size is given."""
    if sys.version_info >= (3, 13):
        return SharedMemory(name, create=size > 0, size=size, track=False)
    with _without_tracker():
        return SharedMemory(name, create=size > 0, size=size)


def _unlink(memory: SharedMemory) -> None:
    with _without_tracker(), suppress(FileNotFoundError):
        memory.unlink()


@contextmanager
def _without_tracker() -> Generator[None]:
    """Keep the resource tracker out of shared memory, as `track=False` does from 3.13 on.

    It would start a third process, and take the daemon's memory away when the engine ends
    (CPython issue 82300). To go when 3.13 is the oldest Python we run on.
    """
    register, unregister = resource_tracker.register, resource_tracker.unregister
    resource_tracker.register = resource_tracker.unregister = _do_nothing
    try:
        yield
    finally:
        resource_tracker.register, resource_tracker.unregister = register, unregister


def _do_nothing(name: str, rtype: str) -> None:
    """Stand in for the resource tracker's two functions."""


def _forget_dead_owners() -> None:
    """Remove names left by a daemon that was killed in the instant before its engine attached."""
    if not sys.platform.startswith("linux"):
        return
    for path in _SHARED_MEMORY.glob(f"{_PREFIX}-*-*"):
        owner = path.name.split("-")[1]
        if owner.isdigit() and not Path("/proc", owner).exists():
            with suppress(OSError):  # another user's
                path.unlink()
