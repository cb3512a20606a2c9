"""The hand-over: newest wins, the rest is counted, buffers go round."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from vcam.engine.mailbox import FramePool, Mailbox


def test_the_newest_replaces_what_was_not_taken():
    """Only the newest is taken; what it replaced comes back to its putter and is counted."""
    box: Mailbox[str] = Mailbox()
    assert box.put("old") is None
    assert box.put("new") == "old"
    assert box.take(0) == "new"
    assert box.take(0) is None
    assert box.put("next") is None
    assert box.replaced == 1


def test_a_taker_is_woken_at_once_and_not_for_ever():
    """An item ends the wait; so does the timeout, and so does closing."""
    box: Mailbox[str] = Mailbox()
    began = time.monotonic()
    assert box.take(0.05) is None
    assert 0.04 < time.monotonic() - began < 1.0
    threading.Timer(0.05, box.put, ["item"]).start()
    assert box.take(5.0) == "item"
    threading.Timer(0.05, box.close).start()
    assert box.take(5.0) is None
    assert time.monotonic() - began < 4.0
    assert box.put("late") == "late"


def test_no_item_is_lost_or_seen_twice_between_threads():
    """Under two busy threads each item is either taken or counted as replaced, and order stays."""
    box: Mailbox[int] = Mailbox()
    taken: list[int] = []

    def take():
        while (item := box.take(1.0)) not in (None, 5000):
            taken.append(item or 0)

    taker = threading.Thread(target=take)
    taker.start()
    for item in range(1, 5001):
        box.put(item)
    taker.join(5.0)
    assert taken == sorted(set(taken))
    assert len(taken) + 1 + box.replaced == 5000


def test_waiting_for_room():
    """A putter that does not want to replace can wait until the item is taken."""
    box: Mailbox[str] = Mailbox()
    assert box.wait_until_empty(0)
    box.put("item")
    assert not box.wait_until_empty(0.01)
    threading.Timer(0.05, box.take, [0]).start()
    assert box.wait_until_empty(5.0)


def test_buffers_go_round():
    """A buffer comes back to be taken again; pixels from elsewhere do not sneak in."""
    pool = FramePool(4, 2, count=2)
    first, second = pool.take(), pool.take()
    assert first.shape == (2, 4, 3)
    with pytest.raises(IndexError):
        pool.take()
    pool.give(np.zeros((2, 4, 3), np.uint8))
    with pytest.raises(IndexError):
        pool.take()
    pool.give(second)
    assert pool.take() is second
