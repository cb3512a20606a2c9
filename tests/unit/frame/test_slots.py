"""The shared slots: frames arrive whole, and nothing stays behind.

What it guards: pixels of two frames in one picture (a torn read), names left in shared memory after
a kill, and the standard library's resource tracker, which would take the daemon's memory away when
the engine ends.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

from vcam.frame import Look
from vcam.frame.slots import SLOTS, FrameSlots

SIZE = (320, 180)
SHARED_MEMORY = Path("/dev/shm")
linux = pytest.mark.skipif(not SHARED_MEMORY.is_dir(), reason="shared memory's names are not shown")

WRITER = """
    import sys, time
    from vcam.frame import Look
    from vcam.frame.slots import FrameSlots
    slots = FrameSlots.attach(sys.argv[1], {width}, {height})
    ends = time.monotonic() + float(sys.argv[2])
    seq = 0
    while time.monotonic() < ends:
        seq += 1
        slots.reserve().reshape(-1)[:] = seq % 251
        slots.publish(seq=seq, captured_ns=seq * 7, look=Look.STYLED, revision=seq * 3)
    print(seq)
"""


def python(code: str, *arguments: str) -> subprocess.Popen[str]:
    """A fresh Python that runs `code`."""
    text = textwrap.dedent(code).format(width=SIZE[0], height=SIZE[1])
    return subprocess.Popen(
        [sys.executable, "-c", text, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def names_of(pid: int) -> list[Path]:
    """Names in shared memory that a process of ours left."""
    return list(SHARED_MEMORY.glob(f"vcam-{pid}-*"))


@pytest.fixture
def slots():
    """Slots of this process, gone afterwards."""
    made = FrameSlots.create(*SIZE)
    yield made
    made.unlink()
    made.close()


@pytest.fixture
def picture():
    """A buffer to read into."""
    return np.zeros((SIZE[1], SIZE[0], 3), np.uint8)


def test_a_frame_arrives_with_everything_that_belongs_to_it(slots, picture):
    """What was published is what is read, with its numbers."""
    slots.reserve()[:] = 9
    slots.publish(seq=4, captured_ns=70, look=Look.OWN, revision=2)
    frame = slots.read_newest(picture, after_edited_ns=0)
    assert (frame.seq, frame.captured_ns, frame.look, frame.revision) == (4, 70, Look.OWN, 2)
    assert frame.pixels is picture
    assert (picture == 9).all()
    assert time.monotonic_ns() - frame.edited_ns < 1e9


def test_a_frame_is_read_once(slots, picture):
    """Nothing comes before the first frame, and no frame comes twice."""
    assert slots.read_newest(picture, after_edited_ns=0) is None
    slots.reserve()
    slots.publish(seq=1, captured_ns=1, look=Look.STYLED, revision=1)
    first = slots.read_newest(picture, after_edited_ns=0)
    assert slots.read_newest(picture, after_edited_ns=first.edited_ns) is None


def test_the_writer_leaves_the_newest_alone(slots, picture):
    """While a frame is composed, and however often, the newest stays readable and whole."""
    for seq in range(1, 3 * SLOTS):
        slots.reserve()[:] = seq
        slots.publish(seq=seq, captured_ns=seq, look=Look.STYLED, revision=1)
        slots.reserve()[:] = 255  # half composed
        frame = slots.read_newest(picture, after_edited_ns=0)
        assert frame.seq == seq
        assert (picture == seq).all()


def test_the_writer_leaves_alone_what_is_being_read(slots):
    """The slot under the reader is not taken, whichever is the newest meanwhile."""
    slots.reserve()[:] = 1
    slots.publish(seq=1, captured_ns=1, look=Look.STYLED, revision=1)
    being_read = int(slots._head[3])
    slots._head[4] = being_read  # as read_newest does for as long as it copies
    for seq in range(2, 8):
        view = slots.reserve()
        assert not np.shares_memory(view, slots._pictures[being_read])
        slots.publish(seq=seq, captured_ns=seq, look=Look.STYLED, revision=1)


def test_publishing_needs_a_reserved_slot(slots):
    """Publishing twice what was reserved once is a mistake and says so."""
    slots.reserve()
    slots.publish(seq=1, captured_ns=1, look=Look.STYLED, revision=1)
    with pytest.raises(ValueError, match="reserve"):
        slots.publish(seq=2, captured_ns=1, look=Look.STYLED, revision=1)


def test_slots_of_another_size_are_refused(slots):
    """An engine that was told another size does not write beside the slots."""
    with pytest.raises(ValueError, match="640x480"):
        FrameSlots.attach(slots.name, 640, 480)


def test_no_frame_is_torn_between_two_processes(slots, picture):
    """A writer and a reader that hammer at full speed never see two frames in one picture."""
    writer = python(WRITER, slots.name, "2.0")
    seen, last_ns, deadline = 0, 0, time.monotonic() + 20
    while writer.poll() is None and time.monotonic() < deadline:
        frame = slots.read_newest(picture, after_edited_ns=last_ns)
        if frame is None:
            continue
        seen += 1
        last_ns = frame.edited_ns
        assert (picture == frame.seq % 251).all(), f"frame {frame.seq} is torn"
        assert (frame.captured_ns, frame.revision) == (frame.seq * 7, frame.seq * 3)
    output, errors = writer.communicate(timeout=5)
    assert errors == ""
    assert int(output) > 100
    assert seen > 10  # on a busy machine the two take turns, and most frames go by unseen


def test_a_torn_copy_is_noticed(slots, picture, monkeypatch):
    """A slot rewritten during the copy is read again: the newer frame comes, whole."""
    slots.reserve()[:] = 1
    slots.publish(seq=1, captured_ns=1, look=Look.STYLED, revision=1)
    copy = np.copyto
    rewrites = iter([True])

    def copy_while_rewritten(into, pixels):
        copy(into, pixels)
        if next(rewrites, False):
            slots._head[4] = -1  # a writer that did not see the reader in time
            for seq in (2, 3, 4):
                slots.reserve()[:] = seq
                slots.publish(seq=seq, captured_ns=seq, look=Look.STYLED, revision=1)

    monkeypatch.setattr(np, "copyto", copy_while_rewritten)
    frame = slots.read_newest(picture, after_edited_ns=0)
    assert frame.seq == 4
    assert (picture == 4).all()


@linux
def test_the_block_is_its_owners_alone_and_loses_its_name(slots):
    """Mode 0600 from the start; after the engine attached no name is left, and both go on."""
    (path,) = [p for p in names_of(os.getpid()) if p.name == slots.name]
    assert path.stat().st_mode & 0o777 == 0o600
    writer = FrameSlots.attach(slots.name, *SIZE)
    assert not path.exists()
    slots.unlink()  # the daemon's own, later: harmless
    writer.reserve()[:] = 5
    writer.publish(seq=1, captured_ns=1, look=Look.STYLED, revision=1)
    writer.close()
    into = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    assert slots.read_newest(into, after_edited_ns=0).seq == 1


@linux
def test_a_killed_engine_leaves_nothing(slots, picture):
    """Kill -9 on the writer in full swing: no name, and the last whole frame is still there."""
    writer = python(WRITER, slots.name, "30")
    deadline = time.monotonic() + 10
    while slots.read_newest(picture, after_edited_ns=0) is None and time.monotonic() < deadline:
        time.sleep(0.01)
    writer.kill()
    writer.communicate(timeout=5)
    assert names_of(os.getpid()) == []
    assert names_of(writer.pid) == []
    frame = slots.read_newest(picture, after_edited_ns=0)
    assert (picture == frame.seq % 251).all()


@linux
def test_a_killed_daemon_leaves_nothing():
    """Kill -9 on the creator: nothing if the engine was attached, else swept by the next one."""
    creator = python("""
        import sys
        from vcam.frame.slots import FrameSlots
        slots = [FrameSlots.create({width}, {height}) for _ in range(2)]
        print(*[one.name for one in slots], flush=True)
        sys.stdin.read()
    """)
    assert creator.stdout is not None
    attached, unseen = creator.stdout.readline().split()
    engine = FrameSlots.attach(attached, *SIZE)
    creator.kill()
    creator.communicate(timeout=5)
    assert [path.name for path in names_of(creator.pid)] == [unseen]
    FrameSlots.create(*SIZE).unlink()
    assert names_of(creator.pid) == []
    engine.close()


@linux
def test_no_resource_tracker_is_started():
    """Making, attaching and removing slots starts no helper process of the standard library."""
    child = python("""
        from multiprocessing import resource_tracker
        from vcam.frame.slots import FrameSlots
        slots = FrameSlots.create({width}, {height})
        FrameSlots.attach(slots.name, {width}, {height}).close()
        slots.unlink()
        slots.close()
        print(resource_tracker._resource_tracker._pid)
    """)
    output, errors = child.communicate(timeout=20)
    assert (output.strip(), errors) == ("None", "")
