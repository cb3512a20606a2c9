"""The engine's life, with engines that crash, hang and end at the test's word.

Peers' users restart their program by hand when the camera hangs, or find a picture that stands
still and nothing that says so. Here every way to lose an engine is told and, but for a loop of
crashes, mended.
"""

import sys
import threading
from typing import Any

import pytest

from vcam.daemon import heartbeat
from vcam.daemon.children import Child
from vcam.daemon.heartbeat import RestartBudget
from vcam.daemon.supervisor import Supervisor

SETTINGS: Any = {"kind": "settings", "revision": 1, "settings": {}}
SOURCE: Any = {
    "kind": "source",
    "source": "demo",
    "lockstep": False,
    "width": 64,
    "height": 48,
    "fps": 30.0,
}
EDITING = {
    "kind": "status",
    "stage": "",
    "fps_in": 30.0,
    "fps_out": 30.0,
    "dropped": 0,
    "no_face_ms": 0.0,
    "stages_ms": {},
}


class FakeSlots:
    """Slots that remember what was done to them."""

    made = 0

    def __init__(self, width, height):
        FakeSlots.made += 1
        self.name = f"slots-{FakeSlots.made}"
        self.width, self.height = width, height
        self.unlinked = self.closed = False

    def unlink(self):
        """Remember it."""
        self.unlinked = True

    def close(self):
        """Remember it."""
        self.closed = True


class FakeEngine:
    """A child that says what the test says."""

    def __init__(self, *, on_event, on_end, obeys=True):
        self.say, self._on_end, self.obeys = on_event, on_end, obeys
        self.commands, self.pid = [], 4711
        self.status, self.killed = None, False

    def send(self, command):
        """Keep the command; an obedient engine ends at `stop`."""
        self.commands.append(command)
        if command["kind"] == "stop" and self.obeys:
            self.die(0)

    def die(self, status):
        """End; the pipe closes."""
        if self.status is None:
            self.status = status
            threading.Thread(target=self._on_end).start()

    def finish(self, timeout_s):
        """Its exit status, by a kill if it lives."""
        return self.kill() if self.status is None else self.status

    def kill(self):
        """End it from outside."""
        self.killed = True
        self.die(-9)
        return self.status

    def kinds(self):
        """What kinds of commands it got."""
        return [command["kind"] for command in self.commands]


class Notebook:
    """A listener that writes everything down."""

    def __init__(self):
        self.events, self.lost, self.ended, self.attached = [], [], [], []
        self.detached = 0
        self.news = threading.Condition()

    def engine_said(self, event):
        """Write it down."""
        self.events.append(event)

    def slots_attached(self, slots):
        """Write it down."""
        self.attached.append(slots)

    def slots_detached(self):
        """The slots must still be mapped when this is called."""
        assert not self.attached[-1].closed
        self.detached += 1

    def engine_lost(self, error, *, is_replaced):
        """Write it down."""
        with self.news:
            self.lost.append((error, is_replaced))
            self.news.notify_all()

    def engine_ended(self, error):
        """Write it down."""
        with self.news:
            self.ended.append(error)
            self.news.notify_all()

    def wait(self, what):
        """Wait until `what()` holds."""
        with self.news:
            assert self.news.wait_for(what, timeout=10)


make_slots: Any = FakeSlots


class Bench:
    """A Supervisor with fake engines, and what came of it."""

    def __init__(self, tmp_path, **options):
        self.engines, self.notes = [], Notebook()
        self.born = threading.Semaphore(0)
        self.supervisor = Supervisor(
            self.notes,
            spawn=self.spawn,
            log=tmp_path / "engine.log",
            create_slots=make_slots,
            **options,
        )

    def spawn(self, **callbacks):
        """Make one more engine."""
        self.engines.append(FakeEngine(**callbacks))
        self.born.release()
        return self.engines[-1]

    def next_engine(self):
        """The next engine, once it has been started."""
        assert self.born.acquire(timeout=10)
        return self.engines[-1]


@pytest.fixture
def bench(tmp_path):
    """A Bench maker; every Supervisor is stopped after the test."""
    benches = []

    def make(**options):
        benches.append(Bench(tmp_path, **options))
        benches[-1].supervisor.start(SETTINGS)
        return benches[-1]

    yield make
    for one in benches:
        one.supervisor.stop(5)


def test_an_engine_is_told_its_settings_first(bench):
    """The first command of every engine is the settings, before it can ask for anything."""
    engine = bench().next_engine()
    assert engine.commands == [SETTINGS]


def test_slots_follow_the_source(bench):
    """Once the source's size is known the publisher gets slots of it, then the engine does."""
    one = bench()
    engine = one.next_engine()
    engine.say(SOURCE)
    (slots,) = one.notes.attached
    assert (slots.width, slots.height) == (64, 48)
    assert engine.commands[-1] == {"kind": "slots", "name": slots.name, "width": 64, "height": 48}


def test_the_name_of_the_slots_goes_with_the_first_frame(bench):
    """No name is left behind, even by kill -9, once the first frame has come."""
    one = bench()
    engine = one.next_engine()
    engine.say(SOURCE)
    assert not one.notes.attached[0].unlinked
    engine.say({"kind": "frame", "seq": 0})
    assert one.notes.attached[0].unlinked


def test_a_source_that_opens_again_keeps_its_slots(bench):
    """After a pause the camera opens anew; slots of the same size go on serving."""
    one = bench()
    engine = one.next_engine()
    engine.say(SOURCE)
    engine.say(SOURCE)
    assert len(one.notes.attached) == 1
    engine.say({**SOURCE, "width": 32})
    assert len(one.notes.attached) == 2
    assert one.notes.attached[0].closed


def test_a_crash_is_replaced_at_once_with_new_slots(bench):
    """A crash is told with its cause, the slots are let go, and a new engine starts."""
    one = bench()
    first = one.next_engine()
    first.say(SOURCE)
    first.die(-11)
    second = one.next_engine()
    second.say(SOURCE)
    ((error, is_replaced),) = one.notes.lost
    assert error.code == "engine-lost"
    assert is_replaced
    assert "engine.log" in error.hint
    if sys.platform != "win32":
        assert "SIGSEGV" in str(error)
    old, new = one.notes.attached
    assert old.closed
    assert old.unlinked
    assert new.name != old.name


def test_a_hung_engine_is_killed_and_replaced(bench, monkeypatch):
    """An engine that falls silent while it edits is ended after the limit, and replaced."""
    monkeypatch.setattr(heartbeat, "SILENCE_LIMIT_S", 0.2)
    monkeypatch.setattr(heartbeat, "LOADING_LIMIT_S", 0.2)
    one = bench()
    first = one.next_engine()
    first.say(EDITING)
    one.next_engine()
    assert first.killed
    assert "did not answer" in str(one.notes.lost[0][0])


def test_a_loop_of_crashes_ends_with_an_error(bench):
    """After its budget of restarts the Supervisor gives up and says how often and what helps."""
    one = bench(budget=RestartBudget(restarts=2))
    for _ in range(3):
        one.next_engine().die(1)
    one.notes.wait(lambda: len(one.notes.lost) == 3)
    assert [is_replaced for _, is_replaced in one.notes.lost] == [True, True, False]
    final = one.notes.lost[-1][0]
    assert "3 times" in str(final)
    assert "engine.log" in final.hint
    assert len(one.engines) == 3


def test_another_try_starts_after_the_user_changed_something(bench):
    """`retry` starts an engine when none runs, with the settings of now, and only then."""
    one = bench(budget=RestartBudget(restarts=1))
    one.next_engine().die(1)
    one.next_engine().die(1)
    one.notes.wait(lambda: len(one.notes.lost) == 2)
    newer = {**SETTINGS, "revision": 2}
    one.supervisor.send_settings(newer)
    one.supervisor.retry()
    third = one.next_engine()
    assert third.commands == [newer]
    one.supervisor.retry()
    assert not one.born.acquire(timeout=0.2)


def test_an_engine_that_ends_in_order_is_no_crash(bench):
    """The end of a clip is told as such and nothing is restarted."""
    one = bench()
    engine = one.next_engine()
    engine.say({"kind": "ended", "error": None})
    engine.die(0)
    one.notes.wait(lambda: one.notes.ended)
    assert one.notes.ended == [None]
    assert one.notes.lost == []
    assert not one.born.acquire(timeout=0.2)


def test_an_engine_that_cannot_go_on_says_why(bench):
    """The engine's own last error is passed on in its own class and not restarted."""
    one = bench()
    engine = one.next_engine()
    record = {"code": "weights-damaged", "message": "Damaged.", "hint": "verify them"}
    engine.say({"kind": "ended", "error": record})
    engine.die(5)
    one.notes.wait(lambda: one.notes.ended)
    assert one.notes.ended[0].exit_status == 5
    assert not one.born.acquire(timeout=0.2)


def test_an_engine_that_failed_at_work_is_replaced(bench):
    """An error that ends an engine which has made frames costs that engine, not the camera."""
    one = bench()
    engine = one.next_engine()
    engine.say(SOURCE)
    engine.say({"kind": "frame", "seq": 0})
    record = {"code": "out-of-memory", "message": "Out of memory.", "hint": "close others"}
    engine.say({"kind": "ended", "error": record})
    engine.die(1)
    one.next_engine()
    ((error, is_replaced),) = one.notes.lost
    assert (error.code, is_replaced) == ("out-of-memory", True)
    assert one.notes.ended == []


def test_a_model_that_is_not_there_is_not_tried_again(bench):
    """What every engine would say ends the tries, also after frames were made."""
    one = bench()
    engine = one.next_engine()
    engine.say(SOURCE)
    engine.say({"kind": "frame", "seq": 0})
    record = {"code": "weights-missing", "message": "No such weights.", "hint": "see the list"}
    engine.say({"kind": "ended", "error": record})
    engine.die(1)
    one.notes.wait(lambda: one.notes.ended)
    assert one.notes.ended[0].code == "weights-missing"
    assert not one.born.acquire(timeout=0.2)


def test_lockstep_is_never_begun_again(bench):
    """A crash in lockstep ends the run: a second engine would write the clip's start twice."""
    one = bench(is_restarting=False)
    one.next_engine().die(1)
    one.notes.wait(lambda: one.notes.lost)
    assert [is_replaced for _, is_replaced in one.notes.lost] == [False]
    assert not one.born.acquire(timeout=0.2)


def test_stopping_asks_first_and_kills_in_the_end(bench):
    """A deaf engine is gone when `stop` returns; an obedient one was only asked."""
    one, other = bench(), bench()
    obedient, deaf = one.next_engine(), other.next_engine()
    deaf.obeys = False
    one.supervisor.stop(5)
    other.supervisor.stop(5)
    assert obedient.kinds()[-1] == "stop"
    assert not obedient.killed
    assert deaf.killed
    assert one.notes.lost == other.notes.lost == []


def test_no_shared_memory_is_told_as_such(bench, monkeypatch):
    """A full /dev/shm is named as the cause, not called a crash without a word."""
    one = bench(is_restarting=False)

    def fail(width, height):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(one.supervisor, "_create_slots", fail)
    one.next_engine().say(SOURCE)
    one.notes.wait(lambda: one.notes.lost)
    assert "No space left" in str(one.notes.lost[0][0])


def test_a_real_process_that_crashes_is_replaced_within_a_second(tmp_path, monkeypatch):
    """Kill -9 on a real child is seen at the end of its pipe, at once."""
    (tmp_path / "an_engine.py").write_text("import time\ntime.sleep(60)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    notes, born, children = Notebook(), threading.Semaphore(0), []

    def spawn(**callbacks):
        children.append(Child("an_engine", log=tmp_path / "engine.log", **callbacks))
        born.release()
        return children[-1]

    supervisor = Supervisor(notes, spawn=spawn, log=tmp_path / "engine.log")
    supervisor.start(SETTINGS)
    try:
        assert born.acquire(timeout=10)
        children[0].kill()
        assert born.acquire(timeout=1.0)
    finally:
        supervisor.stop(2)
    assert notes.lost[0][1]
