"""The lockstep engine: every frame once, in order, and never naked unasked."""

from __future__ import annotations

import time

import pytest

from tests.unit.engine.engine_stage import NO_FACE, OWN, SPOILT, STYLED, FakeEditor, picture
from vcam.config.settings import parse
from vcam.engine.mode import runs_in_lockstep
from vcam.errors import EditError, SourceError
from vcam.frame import Look

DARK = 24


def run(stage, values, **settings):
    """A clip of these pictures, worked through; its frames."""
    stage.pictures = [picture(value) for value in values]
    stage.start(source="clip.mp4", sinks=["null"], **settings)
    stage.wait(lambda: stage.status is not None)
    return stage.frames


def test_every_frame_once_in_order_however_slow(make_stage):
    """Twenty frames in, twenty out, none twice; then the engine says that the clip is over."""
    stage = make_stage(editor=FakeEditor(work_s=0.01))
    frames = run(stage, range(10, 30))
    assert [(f.seq, f.value) for f in frames] == [(i, 10 + i) for i in range(20)]
    assert {(f.look, f.paint) for f in frames} == {(Look.STYLED, STYLED)}
    assert stage.told("ended") == [{"kind": "ended", "error": None}]
    assert stage.status == 0
    assert not stage.sources[0].is_open
    assert stage.tracker.closed


def test_the_frames_have_the_clips_own_size_and_rate(make_stage):
    """The source's size and rate are told, not the settings'; odd sides lose a pixel."""
    stage = make_stage(fps=25.0)
    stage.pictures = [picture(9)[:63, :61].copy()]
    stage.start(source="clip.mp4", sinks=["file:out.mp4"], size="128x128", fps=30)
    stage.wait(lambda: stage.status is not None)
    (source,) = stage.told("source")
    assert (source["lockstep"], source["fps"]) == (True, 25.0)
    assert (source["width"], source["height"]) == (60, 62)


def test_the_next_frame_waits_until_the_last_is_taken(make_stage):
    """Nothing is published, and the end is not told, before the daemon has consumed."""
    stage = make_stage(takes=False)
    stage.pictures = [picture(9)] * 2
    stage.start(source="clip.mp4", sinks=["null"])
    stage.wait(lambda: stage.frames)
    time.sleep(0.1)
    assert len(stage.frames) == 1
    stage.obey({"kind": "taken", "seq": 0})
    stage.wait(lambda: len(stage.frames) == 2)
    time.sleep(0.1)
    assert stage.status is None
    stage.obey({"kind": "taken", "seq": 1})
    stage.wait(lambda: stage.status == 0)


@pytest.mark.parametrize(
    ("on_trouble", "expected"),
    [
        ("hold", [(Look.STYLED, DARK), (Look.STYLED, STYLED), (Look.STYLED, STYLED)]),
        ("slate", [(Look.STYLED, DARK), (Look.STYLED, STYLED), (Look.STYLED, DARK)]),
        ("pass", [(Look.OWN, OWN), (Look.STYLED, STYLED), (Look.OWN, OWN)]),
    ],
)
@pytest.mark.parametrize("trouble", [NO_FACE, SPOILT])
def test_frames_that_cannot_be_styled(make_stage, on_trouble, expected, trouble):
    """No face, or a spoilt frame: the last styled one, a dark one, or the own, as was chosen."""
    frames = run(make_stage(), [trouble, 9, trouble], on_trouble=on_trouble)
    assert [(f.look, f.paint) for f in frames] == expected
    assert frames[2].value == {"hold": 9, "slate": DARK, "pass": trouble}[on_trouble]


def test_bypass_copies_the_clip(make_stage):
    """In bypass every frame is the clip's own, and marked so."""
    frames = run(make_stage(), [9, NO_FACE], bypass=True)
    assert [(f.value, f.look, f.paint) for f in frames] == [
        (9, Look.OWN, OWN),
        (NO_FACE, Look.OWN, OWN),
    ]


@pytest.mark.parametrize(
    "error",
    [
        SourceError("source-missing", "There is no file clip.mp4.", "check the path"),
        EditError("weights-missing", "No weights.", "install again"),
    ],
)
def test_what_cannot_begin_says_why(make_stage, error):
    """A clip or model that cannot be opened ends the run with its own error; nothing is retried."""
    stage = make_stage()
    if isinstance(error, SourceError):
        stage.open_errors = [error]
    else:
        stage.editor = None
        stage.loaded = type("Fails", (), {"append": lambda *_: (_ for _ in ()).throw(error)})()
    stage.start(source="clip.mp4", sinks=["null"])
    stage.wait(lambda: stage.status is not None)
    assert stage.status == 1
    assert stage.told("ended") == [{"kind": "ended", "error": error.record()}]


def test_stopping_in_the_middle_takes_less_than_a_second(make_stage):
    """Also while the daemon takes nothing more."""
    stage = make_stage(takes=False)
    stage.pictures = [picture(9)] * 5
    stage.start(source="clip.mp4", sinks=["null"])
    stage.wait(lambda: stage.frames)
    began = time.monotonic()
    stage.engine.stop()
    assert time.monotonic() - began < 1.0
    assert not stage.sources[0].is_open


@pytest.mark.parametrize(
    ("source", "sinks", "lockstep"),
    [
        ("clip.mp4", ["null"], True),
        ("a/picture.png", ["file:out.mp4", "null"], True),
        ("clip.mp4", ["file:out.mp4", "preview"], False),
        ("clip.mp4", ["auto"], False),
        ("demo", ["null"], False),
        ("camera", ["file:out.mp4"], False),
    ],
)
def test_lockstep_is_for_files_that_nobody_waits_for(source, sinks, lockstep):
    """A clip or picture into files or nowhere runs in lockstep; everything else is live."""
    assert runs_in_lockstep(parse({"source": source, "sinks": sinks})) is lockstep
