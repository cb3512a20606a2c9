"""The line of `vcam run`: live on a terminal, plain elsewhere."""

import io

import pytest

from vcam.cli.status_line import StatusLine, one_line


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        """Claim it."""
        return True


def status(**known):
    """A status while all is well, but for what the test says."""
    return {
        "state": "styled",
        "reason": "Your face follows “Mira”.",
        "notes": [],
        "reference": {"id": "mira", "title": "Mira"},
        "engine": {
            "device": "cpu",
            "model": "face256",
            "fps_in": 30.0,
            "fps_out": 2.0,
            "dropped": 3,
        },
        "published": {"fps": 29.9, "delay_ms": (24.2, 31.0), "dropped": 1},
        **known,
    }


def test_one_line_has_what_a_user_asks():
    """State, rates, delay, drops, device, model and face."""
    assert one_line(status()) == (
        "styled  30 fps in, 2 styled, 30 out  delay 24 ms, p95 31  dropped 4  cpu  face256  mira"
    )


def test_a_problem_takes_the_line():
    """In trouble the reason is what counts."""
    assert one_line(status(state="problem", reason="No face.")) == "problem: No face."


def test_a_terminal_gets_one_line_that_is_replaced():
    """The live line is rewritten in place, and sentences go above it."""
    stream = Terminal()
    line = StatusLine(stream)
    line.show(status())
    line.show(status())
    assert "\n" not in stream.getvalue()
    line.say("Source: demo.")
    line.end()
    assert stream.getvalue().endswith("\r\x1b[2K")
    assert "\r\x1b[2KSource: demo.\n" in stream.getvalue()


def test_a_long_line_does_not_wrap(monkeypatch):
    """A wrapped line could not be erased."""
    monkeypatch.setenv("COLUMNS", "20")
    stream = Terminal()
    StatusLine(stream).show(status())
    assert len(stream.getvalue().removeprefix("\r\x1b[2K")) < 20


@pytest.mark.parametrize("seconds", [3, 4])
def test_elsewhere_only_changes_are_printed(seconds):
    """A log gets a line when the state changes, not when only a figure does."""
    stream = io.StringIO()
    line = StatusLine(stream)
    for count in (2, seconds, 5):
        line.show(status(state="problem", reason=f"No face found for {count} s."))
    line.show(status())
    assert stream.getvalue().splitlines() == [
        "problem: No face found for 2 s.",
        "styled: Your face follows “Mira”.",
    ]


def test_a_note_is_said_once():
    """The same note with another rate is no news, nor is one that was said as a sentence."""
    stream = io.StringIO()
    line = StatusLine(stream)
    line.say("Running on the CPU: about 1 frames a second.")
    for rate in (2, 3):
        line.show(status(notes=[f"Running on the CPU: about {rate} frames a second."]))
    assert stream.getvalue().count("Running on the CPU") == 1
