"""The hand-over between two threads: one place, newest wins.

There is no queue in the engine. Whoever puts replaces what was not taken, gets the replaced item
back, so that its buffers can be used again, and it is counted as a drop.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

import numpy as np

from vcam.frame import Pixels

T = TypeVar("T")


class Mailbox(Generic[T]):
    """One place for the newest item; one thread puts, one takes."""

    def __init__(self) -> None:
        self._item: T | None = None
        self._is_closed = False
        self._changed = threading.Condition()
        self.replaced = 0
        """Items that nobody took, since the start."""

    def put(self, item: T) -> T | None:
        """Leave an item, never waiting.

        Returns: the item nobody has taken, now replaced; the item itself once closed.
        """
        with self._changed:
            if self._is_closed:
                return item
            replaced, self._item = self._item, item
            self.replaced += replaced is not None
            self._changed.notify_all()
            return replaced

    def take(self, timeout_s: float) -> T | None:
        """The newest item, as soon as there is one; None after `timeout_s`, or once closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._item is not None or self._is_closed, timeout_s)
            item, self._item = self._item, None
            self._changed.notify_all()
            return item

    def wait_until_empty(self, timeout_s: float) -> bool:
        """Wait until nothing lies here; False after `timeout_s`. For benchmarks, not for live."""
        with self._changed:
            return self._changed.wait_for(lambda: self._item is None, timeout_s)

    def close(self) -> None:
        """Wake whoever takes; nothing is accepted from now on."""
        with self._changed:
            self._is_closed, self._item = True, None
            self._changed.notify_all()


class FramePool:
    """Frame buffers that go round: whoever is done with a frame gives its pixels back.

    Five frames can be under way at once (one in each of three threads, one in each of two
    mailboxes), so a pool of six never runs dry.
    """

    def __init__(self, width: int, height: int, count: int = 6) -> None:
        self._free = deque(np.zeros((height, width, 3), np.uint8) for _ in range(count))
        self._ours = frozenset(map(id, self._free))

    def take(self) -> Pixels:
        """A buffer, [H, W, 3], with whatever was in it.

        Raises: IndexError if all are under way: somebody did not give one back.
        """
        return self._free.pop()

    def give(self, pixels: Pixels) -> None:
        """Take a buffer back; pixels that lie elsewhere (a source's own) are left alone."""
        if id(pixels) in self._ours:
            self._free.append(pixels)
