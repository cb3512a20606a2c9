"""One daemon a user: lock, note, and what a killed daemon leaves."""

import json
import os
import stat
import subprocess
import sys

import pytest

from vcam.client.note import read_note
from vcam.daemon.presence import Presence
from vcam.errors import DaemonError


@pytest.fixture
def first(tmp_path):
    """The daemon of this folder."""
    presence = Presence(tmp_path)
    presence.claim()
    presence.announce(port=8763, token="t")
    yield presence
    presence.leave()


def test_the_note_is_found_and_private(first, tmp_path):
    """A client of this user finds port and token; nobody else may read them."""
    assert read_note(tmp_path) == {"pid": os.getpid(), "port": 8763, "token": "t"}
    if os.name == "posix":
        assert stat.S_IMODE((tmp_path / "daemon.json").stat().st_mode) == 0o600
        assert stat.S_IMODE((tmp_path / "daemon.lock").stat().st_mode) == 0o600


def test_a_second_daemon_is_told_who_runs(first, tmp_path):
    """The second start names the process that runs, and how to reach it."""
    with pytest.raises(DaemonError) as caught:
        Presence(tmp_path).claim()
    assert caught.value.code == "already-running"
    assert caught.value.exit_status == 4
    assert str(os.getpid()) in str(caught.value)
    assert "vcam open" in caught.value.hint


def test_one_that_was_refused_takes_nothing_away(first, tmp_path):
    """The refused start leaves the running daemon's note where it is."""
    second = Presence(tmp_path)
    with pytest.raises(DaemonError):
        second.claim()
    second.leave()
    assert read_note(tmp_path) is not None


def test_after_the_end_another_may_start(tmp_path):
    """The note goes with the daemon, and the next one starts."""
    one, two = Presence(tmp_path), Presence(tmp_path)
    one.claim()
    one.announce(port=1, token="t")
    one.leave()
    assert read_note(tmp_path) is None
    two.claim()
    two.leave()


def test_a_killed_daemon_does_not_bar_the_next(tmp_path):
    """After kill -9 lock and note are no obstacle, and the stale token is gone."""
    killed = (
        "import os, sys; from pathlib import Path; from vcam.daemon.presence import Presence\n"
        "one = Presence(Path(sys.argv[1])); one.claim(); one.announce(port=1, token='old')\n"
        "os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", killed, str(tmp_path)], check=False, timeout=60)
    assert read_note(tmp_path) is not None
    presence = Presence(tmp_path)
    presence.claim()
    assert read_note(tmp_path) is None
    presence.leave()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"pid": "x"}', json.dumps({"pid": 1})])
def test_a_damaged_note_is_no_note(tmp_path, content):
    """A half-written note means that no daemon can be found, not a crash."""
    (tmp_path / "daemon.json").write_text(content)
    assert read_note(tmp_path) is None
