"""The live engine: newest wins, the user's own face is never shown by accident, nothing sticks."""

from __future__ import annotations

import time

import pytest

from tests.unit.engine.engine_stage import (
    NO_FACE,
    OWN,
    SPOILT,
    STYLED,
    FakeEditor,
    FakeTracker,
    picture,
)
from vcam.engine import editing, shaping
from vcam.engine.shared import STARTING, Figures
from vcam.errors import EditError, SourceError
from vcam.frame import Look

MISSING = SourceError("source-missing", "There is no camera.", "plug one in")


@pytest.fixture
def short_patience(monkeypatch):
    """Two seconds of trouble take 0.2 s."""
    monkeypatch.setattr(shaping, "PATIENCE_NS", 200_000_000)
    monkeypatch.setattr(editing, "PATIENCE_NS", 200_000_000)


def test_frames_come_out_styled_in_order_and_under_their_settings(make_stage):
    """Every frame is styled, numbers rise, and each carries the settings it was made under."""
    stage = make_stage()
    stage.start()
    stage.wait_for_frames(5)
    stage.change(strength=0.5)
    stage.wait(lambda: stage.frames[-1].revision == 2)
    assert {(f.look, f.paint) for f in stage.frames} == {(Look.STYLED, STYLED)}
    numbers = [f.seq for f in stage.frames]
    assert numbers == sorted(set(numbers))
    revisions = [f.revision for f in stage.frames]
    assert revisions == sorted(revisions)


def test_the_daemon_is_told_what_runs(make_stage):
    """The source with the size and rate of the settings, then the device once it can edit."""
    stage = make_stage()
    stage.start(fps=25)
    stage.wait_for_frames(1)
    (source,) = stage.told("source")
    assert source == {
        "kind": "source",
        "source": "source camera:fake",
        "lockstep": False,
        "width": 64,
        "height": 64,
        "fps": 25.0,
    }
    (hello,) = stage.told("hello")
    assert hello["device"] == "a fake"
    assert hello["note"] == "for tests"


def test_the_status_names_a_step_until_frames_can_be_edited():
    """From the first status on: one without a step would be held to a second of silence."""
    figures = Figures()
    told = [figures.status()["stage"]]
    figures.begin("one", "two")
    for step in ("one", "two"):
        told.append(figures.status()["stage"])
        figures.done(step)
    assert [*told, figures.status()["stage"]] == [STARTING, "one", "two", ""]


def test_a_slow_edit_drops_frames_and_does_not_grow_late(make_stage):
    """With an edit slower than the camera the rest is dropped and counted.

    No frame comes out older than two edits, however long it runs: nothing queues.
    """
    stage = make_stage(editor=FakeEditor(work_s=0.1), pictures=[picture(v) for v in range(10, 90)])
    stage.start()
    stage.wait_for_frames(8)
    shown = stage.frames
    assert shown[-1].seq > 3 * len(shown)
    status = stage.engine._shared.figures.status()
    assert status["dropped"] >= shown[-1].seq - len(shown) - 3
    ages_ms = [frame.age_ms for frame in shown]
    assert max(ages_ms) < 2 * 100 + 60, ages_ms  # 60 ms for a machine that has other work
    assert sum(ages_ms[4:]) / 4 < sum(ages_ms[:4]) / 4 + 60


def test_a_slow_edit_has_its_cores_to_itself(make_stage):
    """While an edit runs, only a few frames are looked at for the next one, not every one."""
    stage = make_stage(editor=FakeEditor(work_s=0.2), fps=200.0)
    stage.start()
    stage.wait_for_frames(2)
    looks, frames = len(stage.tracker.looked_at), len(stage.frames)
    stage.wait_for_frames(3)
    assert len(stage.tracker.looked_at) - looks <= 7 * (len(stage.frames) - frames) + 7


def test_buffers_go_round(make_stage):
    """However many frames pass, dropped, faceless and edited ones, they lie in the same buffers."""
    values = [9, 9, 9, NO_FACE, SPOILT]
    stage = make_stage(editor=FakeEditor(work_s=0.04), tracker=FakeTracker(work_s=0.012), fps=300.0)
    stage.pictures = [picture(value).repeat(2, 0).repeat(2, 1) for value in values]
    stage.start()
    stage.wait_for_frames(12)
    captured, shaped = stage.engine._shared.figures.mailboxes
    assert captured.replaced > 10
    assert shaped.replaced > 10
    assert len(set(stage.tracker.looked_at)) <= 6


def test_slow_landmarks_do_not_hold_frames_up(make_stage):
    """A face finder slower than the camera drops frames too, before it, and delay stays small."""
    stage = make_stage(tracker=FakeTracker(work_s=0.08))
    stage.start()
    stage.wait_for_frames(6)
    assert stage.frames[-1].seq > 3 * len(stage.frames)
    assert max(frame.age_ms for frame in stage.frames) < 2 * 80 + 60


def test_without_a_face_nothing_is_written(make_stage, short_patience):
    """Frames without a face do not come out, for as long as it lasts: the daemon holds."""
    stage = make_stage(pictures=[picture(9)] * 5 + [picture(NO_FACE)] * 40)
    stage.start()
    stage.wait(lambda: stage.frames and stage.sources[0]._next > 60)
    assert {f.value for f in stage.frames} == {9}
    assert {f.look for f in stage.frames} == {Look.STYLED}


def test_how_long_the_face_is_gone_is_told(make_stage):
    """The status counts from the first frame without a face, by the frames' own time."""
    stage = make_stage(pictures=[picture(NO_FACE)])
    stage.start()
    figures = stage.engine._shared.figures
    stage.wait(lambda: figures.status()["no_face_ms"] > 100)
    stage.pictures[0][0, 0] = 9
    stage.wait(lambda: figures.status()["no_face_ms"] == 0)


def test_pass_shows_the_own_picture_only_after_a_while(make_stage, short_patience):
    """With `on_trouble = pass` an empty chair is shown, marked OWN, once the face is long gone."""
    stage = make_stage(pictures=[picture(9)] * 10 + [picture(NO_FACE)] * 60)
    stage.start(on_trouble="pass")
    stage.wait(lambda: any(f.look is Look.OWN for f in stage.frames))
    first = next(f for f in stage.frames if f.look is Look.OWN)
    assert (first.value, first.paint) == (NO_FACE, OWN)
    styled = [f for f in stage.frames if f.seq < first.seq]
    assert {f.look for f in styled} == {Look.STYLED}
    assert first.seq - styled[-1].seq >= 15  # 0.2 s at 100 frames a second, less a few drops


def test_bypass_shows_the_own_picture_at_once_and_only_then(make_stage):
    """Bypass frames are the camera's own, marked OWN; nothing else is, before and after."""
    stage = make_stage(pictures=[picture(9), picture(NO_FACE)])
    stage.start()
    stage.wait_for_frames(2)
    stage.change(bypass=True)
    stage.wait(lambda: sum(f.look is Look.OWN for f in stage.frames) > 4)
    stage.change(bypass=False)
    stage.wait(lambda: stage.frames[-1].revision == 3)
    stage.wait_for_frames(2)
    for frame in stage.frames:
        is_bypassed = frame.revision == 2
        assert (frame.look is Look.OWN) == is_bypassed
        assert frame.paint == (OWN if is_bypassed else STYLED)


def test_strength_0_is_the_users_choice(make_stage):
    """At master or layer strength 0 the frame comes out as it is, as styled; a lost face does not.

    The editor is not asked: it would only cost time.
    """
    stage = make_stage(pictures=[picture(9), picture(NO_FACE)])
    stage.start(strength=0.0)
    stage.wait_for_frames(3)
    stage.change(strength=1.0, layers=[{"strength": 0.0}])
    stage.wait(lambda: stage.frames[-1].revision == 2)
    assert {(f.value, f.look, f.paint) for f in stage.frames} == {(9, Look.STYLED, OWN)}


def test_pause_releases_the_camera(make_stage):
    """Paused: the source is closed within moments and opened again on resume."""
    stage = make_stage()
    stage.start()
    stage.wait_for_frames(2)
    stage.change(paused=True)
    stage.wait(lambda: not stage.sources[0].is_open, timeout_s=0.5)
    count = len(stage.sources)
    time.sleep(0.1)
    assert len(stage.sources) == count
    stage.change(paused=False)
    stage.wait(lambda: stage.frames[-1].revision == 3)
    assert stage.sources[-1].is_open


def test_starting_paused_opens_no_camera(make_stage):
    """A start in pause does not light the camera up."""
    stage = make_stage()
    stage.start(paused=True)
    stage.wait(lambda: stage.told("hello"))
    time.sleep(0.1)
    assert stage.opened == []


def test_a_lost_source_is_trouble_and_comes_back(make_stage):
    """A camera that goes away is told of, tried again, and told of when it is back.

    Frames' numbers go on; the model stays loaded.
    """
    stage = make_stage(lost_after=4, open_errors=[])
    stage.start()
    stage.wait(lambda: stage.told("trouble"))
    stage.wait(lambda: len(stage.told("trouble")) == 2 and stage.frames[-1].seq > 5)
    begun, over = stage.told("trouble")
    assert begun["error"]["code"] == "source-lost"
    assert over == {"kind": "trouble", "where": "source", "error": None}
    assert not stage.sources[0].is_open
    assert len(stage.told("hello")) == 1
    numbers = [f.seq for f in stage.frames]
    assert numbers == sorted(set(numbers))


def test_a_missing_source_is_tried_again_without_haste(make_stage):
    """A camera that is not there is trouble, said once, and tried again at growing intervals."""
    stage = make_stage(open_errors=[MISSING] * 3)
    began = time.monotonic()
    stage.start()
    stage.wait_for_frames(1)
    assert 1.5 < time.monotonic() - began < 3.5  # 0.25 + 0.5 + 1 s
    assert len(stage.opened) == 4
    assert [event["error"] and event["error"]["code"] for event in stage.told("trouble")] == [
        "source-missing",
        None,
    ]


def test_a_source_that_auto_found_is_the_one_that_is_opened_again(make_stage):
    """After a pause the same camera comes back, not whatever `auto` would find now."""
    stage = make_stage()
    open_auto, asked = stage.open, []

    def find(spec, **given):
        asked.append(spec)
        return open_auto("camera:found" if spec == "auto" else spec, **given)

    stage.open = find
    stage.engine._parts = stage.parts()
    stage.start(source="auto")
    stage.wait_for_frames(1)
    stage.change(paused=True)
    stage.wait(lambda: not stage.sources[0].is_open)
    stage.change(paused=False)
    stage.wait(lambda: len(asked) == 2)
    assert asked == ["auto", "camera:found"]


def test_another_source_is_opened_at_once(make_stage):
    """A changed source is opened and the old one closed, even while the engine waits to retry."""
    stage = make_stage(open_errors=[MISSING] * 2)
    stage.start(source="camera:gone")
    stage.wait(lambda: len(stage.opened) == 2)
    stage.change(source="camera:there")
    stage.wait(lambda: stage.sources, timeout_s=0.3)
    assert stage.sources[0].info.spec == "camera:there"
    stage.change(source="demo")
    stage.wait(lambda: len(stage.sources) == 2)
    assert not stage.sources[0].is_open


def test_another_model_is_loaded_while_the_camera_stays(make_stage):
    """Changing model or device loads the new one and says so; the source is not opened anew."""
    stage = make_stage()
    stage.start()
    stage.wait_for_frames(1)
    stage.change(device="cpu")
    stage.wait(lambda: len(stage.told("hello")) == 2)
    stage.wait_for_frames(1)
    assert stage.loaded == [("auto", "auto"), ("auto", "cpu")]
    assert len(stage.opened) == 1


def test_a_spoilt_frame_costs_one_frame(make_stage, short_patience):
    """A frame that cannot be edited is not shown, and nothing else comes of it, however often."""
    stage = make_stage(pictures=[picture(9), picture(SPOILT)])
    stage.start(on_trouble="pass")
    stage.wait_for_frames(30)
    assert {(f.value, f.paint) for f in stage.frames} == {(9, STYLED)}
    assert stage.told("trouble") == []


@pytest.mark.parametrize(("on_trouble", "shows_own"), [("hold", False), ("pass", True)])
def test_an_edit_that_fails_for_long_is_trouble(make_stage, short_patience, on_trouble, shows_own):
    """Two seconds without a frame that could be edited: trouble is told, `pass` shows the own."""
    stage = make_stage(pictures=[picture(SPOILT)])
    stage.start(on_trouble=on_trouble)
    stage.wait(lambda: stage.told("trouble"))
    assert stage.told("trouble")[0]["error"]["code"] == "frame-failed"
    stage.wait(lambda: stage.sources[0]._next > 60)
    assert {(f.look, f.paint) for f in stage.frames} == ({(Look.OWN, OWN)} if shows_own else set())
    stage.pictures[0][0, 0] = 9
    stage.wait(lambda: stage.frames and stage.frames[-1].look is Look.STYLED)
    assert stage.told("trouble")[1]["error"] is None


@pytest.mark.parametrize("error", [EditError("out-of-memory", "No memory.", ""), RuntimeError("x")])
def test_an_error_of_the_edit_ends_the_engine_with_its_reason(make_stage, error, capfd):
    """What a new frame cannot cure ends the engine; the last word says why, without a traceback."""
    stage = make_stage()

    def fail(*_):
        raise error

    stage.editor.edit = fail
    stage.start()
    stage.wait(lambda: stage.status is not None)
    assert stage.status == 1
    (ended,) = stage.told("ended")
    is_ours = isinstance(error, EditError)
    assert ended["error"]["code"] == ("out-of-memory" if is_ours else "internal")
    assert "Traceback" not in ended["error"]["message"]
    assert ("Traceback" in capfd.readouterr().err) != is_ours
    assert not stage.sources[0].is_open
    assert stage.tracker.closed


@pytest.mark.parametrize("work_s", [0.0, 0.3])
def test_stopping_takes_less_than_a_second(make_stage, work_s):
    """Told to stop, the engine lets go of camera and face finder, whatever it is doing."""
    stage = make_stage(editor=FakeEditor(work_s), tracker=FakeTracker(work_s))
    stage.start()
    stage.wait_for_frames(1)
    began = time.monotonic()
    stage.engine.stop()
    assert time.monotonic() - began < 1.0
    stage.wait(lambda: not stage.sources[0].is_open and stage.tracker.closed)
    assert stage.told("ended") == []


def test_commands_out_of_turn_are_refused(make_stage):
    """Slots before settings, or a word nobody knows, is a mistake of the daemon's."""
    stage = make_stage()
    for command in ({"kind": "slots", "name": "x"}, {"kind": "nonsense"}):
        with pytest.raises(ValueError, match="out of turn"):
            stage.obey(command)
