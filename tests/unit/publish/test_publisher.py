"""The publisher: a picture at every beat from start to stop, and never the wrong one.

These run on the real clock at a high rate; what they ask for holds on a busy machine too. How well
the beat is kept is test_pacer.py's.
"""

import threading
import time
from contextlib import contextmanager

import numpy as np
import pytest

from vcam.errors import SinkError
from vcam.frame import Look
from vcam.frame.slots import FrameSlots
from vcam.publish.gate import Shown, Situation, SlateText
from vcam.publish.publisher import CLOSING, Publisher
from vcam.publish.sinks.array import ArraySink
from vcam.publish.slate import Slate

WIDTH, HEIGHT, FPS = 64, 48, 100
TEXT, PAUSED = SlateText("Starting"), SlateText("Paused")
STYLED = Situation(TEXT)


class KeptSink(ArraySink):
    """A recording."""

    keeps = True


@pytest.fixture
def slots():
    """Shared slots, with both ends in this process."""
    made = FrameSlots.create(WIDTH, HEIGHT)
    made.unlink()
    yield made
    made.close()


@contextmanager
def publishing(sinks, slots, situation=STYLED, **options):
    """A running publisher, stopped in the end."""
    publisher = Publisher(WIDTH, HEIGHT, FPS, sinks, situation, **options)
    publisher.attach(slots)
    publisher.start()
    try:
        yield publisher
    finally:
        assert publisher.stop(5)


def write(slots, publisher, value: int, look=Look.STYLED, *, seq: int = 0, revision: int = 0):
    """What the engine does for one frame."""
    slots.reserve()[:] = value
    slots.publish(seq=seq, captured_ns=time.monotonic_ns(), look=look, revision=revision)
    publisher.notify()


def wait_for(claim, timeout_s: float = 5) -> None:
    """Wait until something is true."""
    end_s = time.monotonic() + timeout_s
    while not claim():
        assert time.monotonic() < end_s, "waited in vain"
        time.sleep(0.002)


def slate(text: SlateText) -> np.ndarray:
    """The slate's pixels."""
    return Slate(WIDTH, HEIGHT).picture(text)


def values(sink: ArraySink) -> list[int | str]:
    """What the sink saw, as the frames' value or the slate's text, each run of equals once."""
    known = {text: slate(text).tobytes() for text in (TEXT, PAUSED, CLOSING)}
    names = []
    for picture in sink.pictures:
        data = picture.tobytes()
        slated = [text.state for text, pixels in known.items() if pixels == data]
        names.append(slated[0] if slated else int(picture[0, 0, 0]))
        if not slated:
            assert (picture == picture[0, 0, 0]).all(), "two frames in one picture"
    return [name for i, name in enumerate(names) if i == 0 or names[i - 1] != name]


def test_slate_leads_in_and_out(slots):
    """The slate is out at once, frames follow, and a slate is the last thing readers get."""
    sink = ArraySink()
    with publishing([sink], slots) as publisher:
        wait_for(lambda: sink.pictures)
        write(slots, publisher, 7)
        wait_for(lambda: publisher.stats().shown in (Shown.NEWEST, Shown.HELD))
    assert values(sink) == [TEXT.state, 7, CLOSING.state]
    assert sink.is_closed


def test_camera_goes_on_without_an_engine(slots):
    """With no frame at all, and after the engine is gone, pictures go on coming at the rate."""
    sink = ArraySink()
    with publishing([sink], slots) as publisher:
        wait_for(lambda: len(sink.pictures) > 20)
        write(slots, publisher, 9)
        wait_for(lambda: publisher.stats().repeated > 0)
        publisher.detach()
        count = len(sink.pictures)
        wait_for(lambda: len(sink.pictures) > count + 20)
        assert values(sink) == [TEXT.state, 9]
    gaps_ns = np.diff(sink.times_ns[:-1])
    assert gaps_ns.min() >= 0.5e9 / FPS - 1


def test_long_run_rate_is_never_exceeded(slots):
    """However many frames the engine gives, no more than `fps` go out."""
    sink = ArraySink()
    with publishing([sink], slots) as publisher:
        end_s = time.monotonic() + 0.5
        given = 0
        while time.monotonic() < end_s:
            write(slots, publisher, given % 200)
            given += 1
            time.sleep(0.001)
        wait_for(lambda: publisher.stats().shown is Shown.HELD)  # none is under way any more
        stats = publisher.stats()
    seconds = (sink.times_ns[-2] - sink.times_ns[0]) / 1e9
    assert len(sink.pictures) - 2 <= seconds * FPS + 1
    assert stats.dropped > 0
    assert stats.published - stats.slates - stats.repeated + stats.dropped == given


def test_own_face_is_held_back(slots):
    """A frame marked OWN is replaced by the last styled one and counted."""
    sink = ArraySink()
    with publishing([sink], slots) as publisher:
        write(slots, publisher, 5)
        wait_for(lambda: publisher.stats().shown is Shown.NEWEST)
        write(slots, publisher, 66, Look.OWN)
        wait_for(lambda: publisher.stats().withheld == 1)
    assert 66 not in values(sink)
    assert values(sink)[-2:] == [5, CLOSING.state]


def test_pause_is_seen_at_once(slots):
    """The panic key's slate is out within two frames, whatever frames still come."""
    sink = ArraySink()
    with publishing([sink], slots) as publisher:
        write(slots, publisher, 5)
        wait_for(lambda: publisher.stats().shown in (Shown.NEWEST, Shown.HELD))
        publisher.set_situation(Situation(PAUSED, paused=True, minimum_revision=1))
        sent = publisher.stats().published
        write(slots, publisher, 6)
        wait_for(lambda: publisher.stats().published > sent + 10)
        publisher.set_situation(Situation(TEXT, minimum_revision=2))
        write(slots, publisher, 8, revision=2)
        wait_for(lambda: publisher.stats().shown is Shown.HELD)
    seen = [value for value in values(sink) if value != TEXT.state]  # it leads in, and may follow
    assert seen == [5, PAUSED.state, 8, CLOSING.state]
    paused = slate(PAUSED)
    after_the_next = sink.pictures[sent + 1 : sent + 9]  # one may have been under way
    assert all(np.array_equal(picture, paused) for picture in after_the_next)


def test_a_failing_sink_fails_alone(slots):
    """One sink's failure is in the stats; the other gets every picture."""

    class Broken(ArraySink):
        name = "broken"

        def send(self, pixels, at_ns):
            raise SinkError("sink-failed", "It broke.", "mend it")

    good, bad = ArraySink(), Broken()
    with publishing([bad, good], slots) as publisher:
        wait_for(lambda: len(good.pictures) > 5)
        stats = publisher.stats()
    assert [sink.state for sink in stats.sinks] == ["failed", "open"]
    assert stats.sinks[0].error is not None
    assert bad.is_closed


def test_latest_is_what_was_published(slots):
    """The page gets published pixels only, and a number that grows with each new picture."""
    with publishing([ArraySink()], slots) as publisher:
        wait_for(publisher.latest)
        pixels, first = publisher.latest() or pytest.fail("nothing")
        assert np.array_equal(pixels, slate(TEXT))
        write(slots, publisher, 5)
        wait_for(lambda: (publisher.latest() or (0, 0))[1] > first)
        pixels, second = publisher.latest() or pytest.fail("nothing")
        assert (pixels == 5).all()
        write(slots, publisher, 77, Look.OWN)
        wait_for(lambda: publisher.stats().withheld == 1)
        again, third = publisher.latest() or pytest.fail("nothing")
        assert (third, again is pixels) == (second, True)


def test_frames_are_never_mixed(slots):
    """While an engine writes as fast as it can, every picture is one whole frame."""
    sink = ArraySink()
    with publishing([sink], slots) as publisher:
        for i in range(400):
            write(slots, publisher, i % 250)
            publisher.latest()
    values(sink)  # asserts it


def test_recordings_have_no_slate_at_either_end(slots):
    """A sink that keeps pictures begins with the first frame and ends with the last."""
    kept, seen = KeptSink(), ArraySink()
    with publishing([kept, seen], slots) as publisher:
        wait_for(lambda: len(seen.pictures) > 3)
        write(slots, publisher, 5)
        wait_for(lambda: publisher.stats().shown is Shown.HELD)
    assert values(kept) == [5]
    assert values(seen) == [TEXT.state, 5, CLOSING.state]


def test_the_limit_counts_pictures_and_not_slates(slots):
    """`frame_limit` ends the run by itself after exactly so many, also with a slow file."""

    class SlowSink(KeptSink):
        may_block = True

        def send(self, pixels, at_ns):
            time.sleep(0.02)
            super().send(pixels, at_ns)

    kept = SlowSink()
    with publishing([kept], slots, frame_limit=5) as publisher:
        time.sleep(0.05)
        write(slots, publisher, 5)
        assert publisher.finished.wait(5)
    assert len(kept.pictures) == 5
    assert kept.is_closed


def test_lockstep_gives_every_frame_once_and_in_order(slots):
    """Every frame reaches all sinks before the engine is told to make the next one."""
    taken = threading.Semaphore(0)
    seen: list[int] = []

    def on_taken(seq: int) -> None:
        seen.append(seq)
        assert len(fast.pictures) == len(slow.pictures) == len(seen)
        taken.release()

    class Slow(ArraySink):
        may_block = True

        def send(self, pixels, at_ns):
            time.sleep(0.002)
            super().send(pixels, at_ns)

    fast, slow = ArraySink(), Slow()
    with publishing([fast, slow], slots, lockstep=True, on_taken=on_taken) as publisher:
        for seq in range(20):
            write(slots, publisher, seq, seq=seq)
            assert taken.acquire(timeout=5)
        write(slots, publisher, 20, seq=20)  # the last frame, and the end right behind it
    assert seen == list(range(21))
    assert values(fast) == values(slow) == list(range(21))
    assert fast.times_ns[:3] == [0, 10_000_000, 20_000_000]
    assert publisher.stats().repeated == publisher.stats().slates == 0


def test_lockstep_keeps_number_and_order_with_bare_frames(slots):
    """Frames that must not be seen are replaced in place: the clip keeps its length."""
    taken = threading.Semaphore(0)
    sink = KeptSink()
    with publishing([sink], slots, lockstep=True, on_taken=lambda _: taken.release()) as publisher:
        for value, look in ((1, Look.OWN), (2, Look.STYLED), (3, Look.OWN), (4, Look.STYLED)):
            write(slots, publisher, value, look)
            assert taken.acquire(timeout=5)
    assert len(sink.pictures) == 4
    assert values(sink) == [TEXT.state, 2, 4]
    assert publisher.stats().withheld == 2


def test_lockstep_ends_when_no_sink_is_left(slots):
    """A clip is not edited for nobody: without a working sink the run ends."""

    class Full(ArraySink):
        def send(self, pixels, at_ns):
            raise SinkError("sink-failed", "The disk is full.", "make room")

    with publishing([Full()], slots, lockstep=True) as publisher:
        write(slots, publisher, 1)
        assert publisher.finished.wait(5)
        assert publisher.stats().sinks[0].state == "failed"


def test_slots_of_another_size_are_refused():
    """Frames of a size that the sinks were not opened for cannot be attached."""
    other = FrameSlots.create(32, 32)
    other.unlink()
    publisher = Publisher(WIDTH, HEIGHT, FPS, [], STYLED)
    with pytest.raises(ValueError, match="32x32"):
        publisher.attach(other)
    other.close()
    assert publisher.stop()


def test_delay_is_measured_from_capture_to_sent(slots):
    """The delay in the stats is the frames' own age when they went out."""
    with publishing([ArraySink()], slots) as publisher:
        slots.reserve()[:] = 1
        old_ns = time.monotonic_ns() - 300_000_000
        slots.publish(seq=0, captured_ns=old_ns, look=Look.STYLED, revision=0)
        publisher.notify()
        wait_for(lambda: publisher.stats().repeated > 0)
        stats = publisher.stats()
    assert 300 <= stats.delay_p50_ms < 1000
    assert 0 < stats.fps_out <= FPS * 1.3
