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


def slow(fps_out=2.0, beats=12, **known):
    """An engine that has been this slow for so many status events."""
    one = facts(**known)
    for _ in range(beats):
        one.note_rate(fps_out, 30)
    return one


@pytest.mark.parametrize(("fps_out", "rate"), [(2.1, "about 2 of 30"), (0.0, "less than 1 of 30")])
def test_a_slow_cpu_is_said_with_its_rate_and_cure(fps_out, rate):
    """Whoever sees two frames a second, or fewer, is told why and what would help."""
    (said,) = notes(
        slow(fps_out), device="CPU, 2 threads", engine_note="", fps_out=fps_out, fps_wanted=30
    )
    assert f"the CPU: {rate} frames a second" in said
    assert "graphics card" in said


@pytest.mark.parametrize(
    "known", [slow(29.8), slow(2, beats=11), slow(2, no_face_ms=500.0), slow(2, stage="loading")]
)
def test_no_word_of_slowness_without_cause(known):
    """Not for a fast engine, a moment, an empty chair or one that loads."""
    assert notes(known, device="cpu", engine_note="", fps_out=2, fps_wanted=30) == []
