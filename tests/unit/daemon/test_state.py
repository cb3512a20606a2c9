"""The five words: which one is true, and what is said with it."""

import pytest

from vcam.daemon.state import Facts, judge, notes
from vcam.errors import SourceError

LOST = SourceError("source-lost", "The camera /dev/video7 is gone.", "plug it in again")


def facts(**known):
    """An engine that edits, but for what the test says."""
    return Facts(**{"stage": "", "has_made_frames": True, **known})


def judged(known, **settings):
    """The judgement under the default settings, but for what the test says."""
    return judge(
        known,
        **{
            "paused": False,
            "bypass": False,
            "on_trouble": "hold",
            "strength": 0.8,
            "title": "Mira",
            **settings,
        },
    )


@pytest.mark.parametrize(
    ("known", "settings", "state"),
    [
        (Facts(), {}, "starting"),
        (facts(stage="loading the model"), {}, "starting"),
        (facts(has_made_frames=False), {}, "starting"),
        (facts(), {}, "styled"),
        (facts(), {"strength": 0.0}, "styled"),
        (facts(), {"bypass": True}, "bypass"),
        (facts(has_made_frames=False), {"bypass": True}, "starting"),
        (facts(no_face_ms=1999.0), {}, "styled"),
        (facts(no_face_ms=2000.0), {}, "problem"),
        (facts(no_face_ms=9000.0), {"bypass": True}, "bypass"),
        (facts(has_made_frames=False, no_face_ms=2000.0), {}, "problem"),
        (facts(lost=LOST), {}, "problem"),
        (facts(source=LOST), {}, "problem"),
        (facts(edit=LOST), {}, "problem"),
        (facts(source=LOST), {"bypass": True}, "problem"),
        (facts(reference=LOST), {}, "styled"),
        (facts(lost=LOST), {"paused": True}, "paused"),
        (Facts(), {"paused": True, "bypass": True}, "paused"),
    ],
)
def test_one_word_is_true(known, settings, state):
    """Paused before all, then trouble, then starting, then the user's bypass, else styled."""
    assert judged(known, **settings).state == state


def test_the_reason_is_for_the_user_and_the_slate_for_others():
    """A trouble's own words, which may name devices and folders, never stand on the slate."""
    judgement = judged(facts(source=LOST))
    assert "/dev/video7" in judgement.reason
    assert judgement.error is LOST
    assert "/dev" not in judgement.slate.state + judgement.slate.reason


@pytest.mark.parametrize(("on_trouble", "word"), [("hold", "2 s"), ("pass", "your own picture")])
def test_a_problem_says_what_others_see(on_trouble, word):
    """In trouble the user is told what the call sees now."""
    assert word in judged(facts(no_face_ms=3000.0), on_trouble=on_trouble).reason


def test_strength_zero_is_said():
    """Strength 0 is the user's choice, no trouble, and said."""
    assert "Strength is 0" in judged(facts(), strength=0.0).reason


def test_a_slow_cpu_is_said_with_its_rate_and_cure():
    """Whoever sees two frames a second is told why and what would help."""
    (said,) = notes(facts(), device="CPU, 2 threads", engine_note="", fps_out=2.1, fps_wanted=30)
    assert "CPU: about 2 of 30 frames a second" in said
    assert "graphics card" in said


def test_a_fast_engine_is_silent():
    """No note when there is nothing to say."""
    assert notes(facts(), device="cuda:0", engine_note="", fps_out=29.8, fps_wanted=30) == []


def test_no_rate_is_judged_while_there_is_no_face():
    """A rate measured on an empty chair says nothing about the machine."""
    empty = facts(no_face_ms=500.0)
    assert notes(empty, device="cpu", engine_note="", fps_out=2, fps_wanted=30) == []
