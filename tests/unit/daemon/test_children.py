"""Children: real Python processes that speak JSON lines, and what becomes of bad ones."""

import os
import stat
import sys
import threading

import pytest

from vcam.daemon.children import Child, describe_end

ECHO = """
import json, sys
print("a library that prints", file=sys.stderr)
for line in sys.stdin.buffer:
    command = json.loads(line)
    if command["kind"] == "stop":
        break
    sys.stdout.write(json.dumps({"kind": "frame", "seq": command["seq"]}) + "\\n")
    sys.stdout.flush()
"""
DEAF = "import time\ntime.sleep(60)\n"
BABBLER = """
import time
print('{"kind": "frame", "seq": 1}')
print("this is not JSON", flush=True)
time.sleep(60)
"""


class Ears:
    """Keeps what a child says."""

    def __init__(self):
        self.events = []
        self.news = threading.Semaphore(0)
        self.ended = threading.Event()

    def hear(self, event):
        """Take one event."""
        self.events.append(event)
        self.news.release()


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Start a child from source text; none is left after the test."""
    children = []
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def start(source):
        (tmp_path / "a_child.py").write_text(source)
        ears = Ears()
        child = Child(
            "a_child", log=tmp_path / "child.log", on_event=ears.hear, on_end=ears.ended.set
        )
        children.append(child)
        return child, ears

    yield start
    for child in children:
        child.kill()


def test_commands_go_down_and_events_come_up(start):
    """Each message arrives whole and in order; the end comes once, after the last event."""
    child, ears = start(ECHO)
    for seq in range(3):
        child.send({"kind": "taken", "seq": seq})
    for _ in range(3):
        assert ears.news.acquire(timeout=20)
    assert [event["seq"] for event in ears.events] == [0, 1, 2]
    assert child.finish(5) == 0
    assert ears.ended.wait(5)


def test_what_a_child_prints_goes_to_a_private_log(start, tmp_path):
    """Standard error of a child is kept in a 0600 file, not shown to the user."""
    child, _ = start(ECHO)
    child.send({"kind": "stop"})
    child.finish(20)
    log = tmp_path / "child.log"
    assert "a library that prints" in log.read_text()
    if os.name == "posix":
        assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_a_child_that_does_not_listen_is_killed(start):
    """`finish` returns within its time and a bit, also if the child sleeps."""
    child, ears = start(DEAF)
    status = child.finish(0.2)
    assert status is not None
    assert status != 0
    assert ears.ended.wait(5)


def test_sending_to_a_dead_child_is_harmless(start):
    """Its end is told by `on_end`; whoever sends meanwhile meets no error."""
    child, ears = start(DEAF)
    child.kill()
    assert ears.ended.wait(5)
    child.send({"kind": "taken", "seq": 1})


def test_a_child_that_babbles_is_at_its_end(start):
    """A line that is no JSON ends the conversation, after the events before it."""
    child, ears = start(BABBLER)
    assert ears.ended.wait(20)
    assert [event["seq"] for event in ears.events] == [1]
    child.kill()


def test_a_child_runs_our_code_and_not_the_current_folder(start, tmp_path, monkeypatch):
    """From any folder a child imports this very vcam, no stray module of that folder."""
    import vcam

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "vcam.py").write_text("raise SystemExit('the stray one')")
    monkeypatch.chdir(elsewhere)
    child, ears = start(
        "import json, vcam\nprint(json.dumps({'kind': 'frame', 'seq': vcam.__file__}), flush=True)"
    )
    assert ears.news.acquire(timeout=20)
    assert ears.events[0]["seq"] == vcam.__file__
    child.finish(5)


@pytest.mark.parametrize(
    ("status", "words"), [(0, "status 0"), (1, "status 1"), (None, "did not end")]
)
def test_an_end_is_described(status, words):
    """Every way to end has words."""
    assert words in describe_end(status)


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_an_end_by_a_signal_is_named():
    """A crash names its signal, and an unknown signal its number."""
    assert "SIGSEGV" in describe_end(-11)
    assert "signal 250" in describe_end(-250)
