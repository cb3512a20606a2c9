"""The gate: an unstyled face is seen only where the user allows it."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vcam.frame import Look, PublishedFrame
from vcam.publish.gate import (
    HOLD_NS,
    Shown,
    Situation,
    SlateText,
    choose,
    choose_in_lockstep,
)

S = 1_000_000_000
PIXELS = np.zeros((2, 2, 3), np.uint8)
TEXT = SlateText("Camera not found")


def frame(look: Look = Look.STYLED, *, edited_ns: int = 0, revision: int = 0) -> PublishedFrame:
    """A frame as the engine marks it."""
    return PublishedFrame(PIXELS, 0, edited_ns, edited_ns, look, revision)


def live(situation: Situation, *, newest=None, held=None, now_ns: int = 0) -> Shown:
    """What the gate chooses; nothing there unless said."""
    return choose(situation, newest=newest, held=held, now_ns=now_ns)


frames = st.none() | st.builds(
    frame,
    st.sampled_from(Look),
    edited_ns=st.integers(0, 20 * S),
    revision=st.integers(0, 5),
)
situations = st.builds(
    Situation,
    message=st.just(TEXT),
    paused=st.booleans(),
    bypass=st.booleans(),
    on_trouble=st.sampled_from(["hold", "slate", "pass"]),
    trouble_since_ns=st.none() | st.integers(0, 20 * S),
    minimum_revision=st.integers(0, 5),
)


def seen(shown: Shown, newest, held):
    """The frame that viewers see, None for the slate."""
    return {Shown.NEWEST: newest, Shown.HELD: held, Shown.SLATE: None}[shown]


@given(situations, frames, frames, st.integers(0, 30 * S))
def test_own_face_never_leaves_while_styled(situation, newest, held, now_ns):
    """A frame marked OWN is seen only in bypass, or in trouble under `pass`."""
    picture = seen(live(situation, newest=newest, held=held, now_ns=now_ns), newest, held)
    passes = situation.trouble_since_ns is not None and situation.on_trouble == "pass"
    if picture is not None and picture.look is Look.OWN:
        assert situation.bypass or passes


@given(situations, frames, frames, st.integers(0, 30 * S))
def test_nothing_from_before_a_pause_or_bypass_is_seen(situation, newest, held, now_ns):
    """A picture made under older settings than the last change of pause or bypass never shows."""
    picture = seen(live(situation, newest=newest, held=held, now_ns=now_ns), newest, held)
    assert picture is None or picture.revision >= situation.minimum_revision


@given(situations, frames, frames, st.integers(0, 30 * S))
def test_paused_is_the_slate(situation, newest, held, now_ns):
    """While paused nothing but the slate is seen."""
    if situation.paused:
        assert live(situation, newest=newest, held=held, now_ns=now_ns) is Shown.SLATE


@given(situations, frames, frames, st.integers(0, 30 * S))
def test_trouble_never_freezes_a_picture(situation, newest, held, now_ns):
    """In trouble no picture is seen for more than 2 s after it was made or the trouble began."""
    picture = seen(live(situation, newest=newest, held=held, now_ns=now_ns), newest, held)
    if picture is not None and situation.trouble_since_ns is not None:
        assert now_ns < max(situation.trouble_since_ns, picture.edited_ns) + HOLD_NS


@given(situations, frames, frames)
def test_lockstep_keeps_own_faces_in_too(situation, newest, held):
    """In lockstep a frame marked OWN is kept only in bypass or under `pass`."""
    if newest is not None:
        picture = seen(choose_in_lockstep(situation, newest=newest, held=held), newest, held)
        if picture is not None and picture.look is Look.OWN:
            assert situation.bypass or situation.on_trouble == "pass"


def test_a_styled_frame_is_seen_at_once():
    """With nothing wrong, the newest styled frame is what viewers see."""
    assert live(Situation(TEXT), newest=frame(), held=frame()) is Shown.NEWEST


def test_a_face_lost_for_a_moment_holds_the_last_styled_frame():
    """Before a missing face becomes trouble, the last styled frame stays."""
    assert live(Situation(TEXT), newest=frame(Look.OWN), held=frame()) is Shown.HELD


def test_before_the_first_styled_frame_there_is_the_slate():
    """An unstyled frame shows nothing but the slate when there is nothing to hold."""
    assert live(Situation(TEXT), newest=frame(Look.OWN)) is Shown.SLATE


def test_hold_shows_the_last_frame_for_two_seconds_of_trouble():
    """With `hold` the slate comes 2 s after the trouble began, not sooner and not later."""
    trouble = Situation(TEXT, trouble_since_ns=10 * S)
    held = frame(edited_ns=9 * S)
    assert live(trouble, held=held, now_ns=12 * S - 1) is Shown.HELD
    assert live(trouble, held=held, now_ns=12 * S) is Shown.SLATE


def test_hold_shows_styled_frames_that_come_again():
    """A styled frame is seen as soon as it comes, also before the trouble is declared over."""
    trouble = Situation(TEXT, trouble_since_ns=10 * S)
    newest = frame(edited_ns=20 * S)
    assert live(trouble, newest=newest, held=frame(), now_ns=20 * S) is Shown.NEWEST


def test_slate_comes_at_once_if_asked_for():
    """With `slate` the first moment of trouble shows the slate."""
    trouble = Situation(TEXT, on_trouble="slate", trouble_since_ns=10 * S)
    assert live(trouble, held=frame(edited_ns=10 * S - 1), now_ns=10 * S) is Shown.SLATE


def test_pass_waits_for_a_frame_made_since_the_trouble_began():
    """With `pass` the slate is seen until the engine gives a frame, and then that frame."""
    trouble = Situation(TEXT, on_trouble="pass", trouble_since_ns=10 * S)
    assert live(trouble, held=frame(edited_ns=9 * S), now_ns=10 * S) is Shown.SLATE
    own = frame(Look.OWN, edited_ns=11 * S)
    assert live(trouble, newest=own, now_ns=11 * S) is Shown.NEWEST


def test_own_face_of_pass_is_gone_with_the_trouble():
    """A frame let through by `pass` is not held once the trouble is over."""
    assert live(Situation(TEXT), held=frame(Look.OWN)) is Shown.SLATE


def test_own_face_of_bypass_is_gone_with_the_bypass():
    """After bypass neither the held raw frame nor a late one slips out."""
    after = Situation(TEXT, minimum_revision=7)
    late, held = frame(Look.OWN, revision=6), frame(Look.OWN, revision=5)
    assert live(after, newest=late, held=held) is Shown.SLATE


def test_styled_frame_from_before_a_pause_is_not_shown_after_it():
    """After a pause the slate stays until a frame made after it comes."""
    after = Situation(TEXT, minimum_revision=3)
    assert live(after, held=frame(revision=1)) is Shown.SLATE
    assert live(after, newest=frame(revision=3), held=frame(revision=1)) is Shown.NEWEST


def test_bypass_shows_the_own_face():
    """Bypass is the user's own face, on purpose."""
    assert live(Situation(TEXT, bypass=True), newest=frame(Look.OWN)) is Shown.NEWEST


def test_lockstep_puts_the_last_styled_frame_in_a_bare_ones_place():
    """A clip's frame without a face becomes the last styled one, or the slate before any."""
    own = frame(Look.OWN)
    assert choose_in_lockstep(Situation(TEXT), newest=own, held=frame()) is Shown.HELD
    assert choose_in_lockstep(Situation(TEXT), newest=own, held=None) is Shown.SLATE
    keeps = Situation(TEXT, on_trouble="pass")
    assert choose_in_lockstep(keeps, newest=own, held=frame()) is Shown.NEWEST
