"""A command as a user gives it: what it is run with, and what it says."""

from __future__ import annotations

import json
import socket
from typing import Any, NamedTuple

import pytest

from vcam.cli import main


class Done(NamedTuple):
    """What came of a command; named as subprocess names it."""

    returncode: int
    stdout: str
    stderr: str

    @property
    def record(self) -> Any:
        """What `--json` printed."""
        return json.loads(self.stdout)


def run_command(capfd: pytest.CaptureFixture[str], *arguments: object) -> Done:
    """Run `vcam` with these arguments, and take what it prints."""
    capfd.readouterr()
    try:
        status = main([str(argument) for argument in arguments])
    except SystemExit as ended:  # argparse's way
        status = int(ended.code or 0)
    return Done(status, *capfd.readouterr())


def error_lines(done: Any, status: int, code: str) -> list[str]:
    """The three lines of a failed command: no more, no traceback."""
    assert done.returncode == status, done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 3, done.stderr
    assert lines[0].startswith("vcam: ")
    assert lines[1].startswith("  do: ")
    assert lines[2] == f"  code: {code}"
    return lines


def free_port() -> int:
    """A port of this machine that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]
