"""One whole run: real children, slots, publisher, page; only the engine's inside is a fake."""

import os
import signal
import socket
import sys
import time
from contextlib import contextmanager
from functools import partial

import pytest

from tests.fakes.faces import use_drawn_faces
from tests.fakes.fake_engine import LOCKSTEP_FRAMES, LOCKSTEP_SIZE
from vcam.client import Client
from vcam.config import library
from vcam.config.changes import apply_changes
from vcam.config.folders import config_folder, runtime_folder
from vcam.config.settings import Settings
from vcam.config.store import load_settings
from vcam.daemon.children import Child
from vcam.daemon.program import SETTINGS_FILE, Plan, Program
from vcam.errors import DaemonError, EditError, SinkError

LIVE = {"sinks": ["null"], "size": "160x120"}
WAIT_S = 30


@pytest.fixture(autouse=True)
def _drawn_faces(monkeypatch):
    """Every library of this process has drawn faces."""
    monkeypatch.setattr(
        library.ReferenceLibrary, "__init__", library.ReferenceLibrary.__init__
    )  # put back after the test
    use_drawn_faces()


@pytest.fixture
def clip(tmp_path):
    """A file that stands for a clip; the fake engine does not open it."""
    path = tmp_path / "clip.mp4"
    path.touch()
    return path


class Talkative(Program):
    """A Program that keeps what it said."""

    def __init__(self, plan, **options):
        self.said: list[str] = []
        super().__init__(plan, self.said.append, **options)

    def sent(self):
        """How many pictures went out, slates among them."""
        assert self._publisher is not None
        return self._publisher.stats().published


@contextmanager
def running(tmp_path, changes, **options):
    """A started Program, stopped in the end."""
    settings = apply_changes(Settings(), changes)
    options = {"has_page": False, **options}
    program = Talkative(
        Plan(settings, Settings(), **options),
        spawn=partial(Child, "tests.fakes.fake_engine", log=tmp_path / "engine.log"),
    )
    program.start()
    try:
        yield program
    finally:
        program.stop()


def wait_for(claim):
    """Wait until something is true."""
    end_s = time.monotonic() + WAIT_S
    while not claim():
        assert time.monotonic() < end_s, "waited in vain"
        time.sleep(0.01)


def state(program):
    """The state word."""
    return program.status()["state"]


def frames(program):
    """How many pictures were published that are no slates."""
    return program.status()["published"]["frames"]


def test_live_frames_reach_the_sinks(tmp_path):
    """From start to styled, with rate, delay, source and device in the status."""
    with running(tmp_path, LIVE) as program:
        wait_for(lambda: state(program) == "styled" and frames(program) > 10)
        status = program.status()
    assert status["source"] == "moving picture"
    assert status["size"] == (160, 120)
    assert status["engine"]["device"] == "cpu"
    assert status["published"]["delay_ms"][0] > 0
    assert status["published"]["sinks"] == [{"name": "null", "state": "open", "error": None}]


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_killed_engine_never_stops_the_camera(tmp_path, deadline):
    """After kill -9 of the engine pictures go on without a gap, and the styled state comes back."""
    with running(tmp_path, LIVE) as program:
        wait_for(lambda: state(program) == "styled")
        killed = program._supervisor.engine_pid
        sent = program.sent()
        os.kill(killed, signal.SIGKILL)
        wait_for(lambda: state(program) == "problem")
        wait_for(lambda: program._supervisor.engine_pid not in (None, killed))
        wait_for(lambda: state(program) == "styled")
        assert program.sent() > sent
        assert any("SIGKILL" in sentence for sentence in program.said)


def test_a_silent_engine_is_replaced(tmp_path):
    """An engine that hangs is seen, ended and told of."""
    with running(tmp_path, {**LIVE, "model": "hang"}) as program:
        wait_for(lambda: any("did not answer" in sentence for sentence in program.said))


def test_pause_lets_no_frame_out(tmp_path):
    """While paused there are only slates; afterwards frames again."""
    with running(tmp_path, LIVE) as program:
        wait_for(lambda: state(program) == "styled")
        program.controller.change({"paused": True})
        wait_for(lambda: program.status()["published"]["shown"] == "slate")
        count = frames(program)
        time.sleep(0.2)
        assert frames(program) == count
        program.controller.change({"paused": False})
        wait_for(lambda: state(program) == "styled" and frames(program) > count)


def test_own_face_goes_out_in_bypass_only(tmp_path):
    """Without a face found only slates go out; on the user's word their own picture does."""
    with running(tmp_path, {**LIVE, "model": "bare"}) as program:
        wait_for(lambda: state(program) == "problem")
        assert frames(program) == 0
        program.controller.change({"bypass": True})
        wait_for(lambda: state(program) == "bypass" and frames(program) > 0)


def test_a_clip_is_worked_through_once(tmp_path, clip):
    """Lockstep: every frame once, at the clip's own size and rate, then the end, without error."""
    out = tmp_path / "out.mp4"
    changes = {"source": str(clip), "sinks": [f"file:{out}"]}
    with running(tmp_path, changes) as program:
        assert program.wait(WAIT_S)
        status = program.status()
    assert program.error is None
    assert status["published"]["frames"] == LOCKSTEP_FRAMES
    assert (status["size"], status["fps"]) == (LOCKSTEP_SIZE, 25.0)
    assert out.stat().st_size > 0
    assert not (runtime_folder() / "daemon.json").exists()


@pytest.mark.parametrize("is_file", [True, False])
def test_it_ends_after_the_frames_asked_for(tmp_path, clip, is_file):
    """`frame_limit` counts a clip's frames in lockstep and published ones live."""
    changes = {**LIVE, "source": str(clip)} if is_file else LIVE
    with running(tmp_path, changes, frame_limit=7) as program:
        assert program.wait(WAIT_S)
        assert frames(program) == 7
    assert program.error is None


def test_what_the_engine_cannot_do_at_the_start_ends_the_run(tmp_path):
    """Damaged weights end the run with their own error; it does not go on with a slate for ever."""
    with running(tmp_path, {**LIVE, "model": "damaged"}) as program:
        assert program.wait(WAIT_S)
    assert isinstance(program.error, EditError)
    assert program.error.exit_status == 5


def test_a_crash_in_lockstep_ends_the_run(tmp_path, clip):
    """A half-made file is an error, not a success and not two beginnings."""
    changes = {**LIVE, "source": str(clip), "model": "crash"}
    with running(tmp_path, changes) as program:
        assert program.wait(WAIT_S)
    assert program.error is not None
    assert program.error.code == "engine-lost"


def test_a_sink_that_cannot_be_had_leaves_nothing_running(tmp_path):
    """A start that fails half way undoes itself: the next one is not told that vcam runs."""
    changes = {**LIVE, "sinks": [f"file:{tmp_path}/no/folder/x.mp4"]}
    with pytest.raises(SinkError), running(tmp_path, changes):
        pass
    with running(tmp_path, LIVE) as program:
        wait_for(lambda: state(program) == "styled")


def test_sinks_change_while_it_runs(tmp_path):
    """A recording is added and taken away; what was open stays open."""
    out = tmp_path / "out.mp4"
    with running(tmp_path, LIVE) as program:
        wait_for(lambda: state(program) == "styled")
        program.controller.change({"sinks": ["null", f"file:{out}"]})
        count = frames(program)
        wait_for(lambda: frames(program) > count + 5)
        program.controller.change({"sinks": ["null"]})
        wait_for(lambda: len(program.status()["published"]["sinks"]) == 1)
        with pytest.raises(SinkError):
            program.controller.change({"sinks": ["file:/no/folder/x.mp4"]})
        assert program.controller.settings.sinks == ("null",)
    wait_for(lambda: out.exists())


def test_a_second_run_is_refused_and_a_file_run_is_not(tmp_path, clip):
    """One camera a user; a clip into a file may be made beside it."""
    with running(tmp_path, LIVE):
        with pytest.raises(DaemonError, match="running already"), running(tmp_path, LIVE):
            pass
        with running(tmp_path, {**LIVE, "source": str(clip)}) as beside:
            assert beside.wait(WAIT_S)
            assert beside.error is None


def test_the_page_is_there_and_a_client_finds_it(tmp_path):
    """With a page the note leads a client to it; after the end there is neither."""
    other = socket.create_server(("127.0.0.1", 0))
    changes = {**LIVE, "port": other.getsockname()[1]}
    with other, running(tmp_path, changes, has_page=True) as program:
        client = Client()
        wait_for(lambda: client.status()["state"] == "styled")
        assert client.change(strength=0.5)["strength"] == 0.5
        assert any("is taken" in sentence for sentence in program.said)
        assert load_settings(config_folder() / SETTINGS_FILE)[0].strength == 0.5
    with pytest.raises(DaemonError) as caught:
        client.status()
    assert caught.value.code == "not-running"


def test_it_stops_within_two_seconds(tmp_path, deadline):
    """Slate, sinks, engine and page: all gone in the promised time."""
    with running(tmp_path, LIVE, has_page=True) as program:
        wait_for(lambda: state(program) == "styled")
        began_s = time.monotonic()
        program.stop()
        assert time.monotonic() - began_s < deadline(2.0)
        assert program._supervisor.engine_pid is None
