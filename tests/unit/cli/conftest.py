"""Runs of vcam that go on while a test looks at them."""

import subprocess
import sys

import pytest

FAKES = [sys.executable, "-m", "tests.fakes.vcam"]


@pytest.fixture
def start():
    """Start runs that go on; none is left after the test."""
    processes = []

    def begin(*arguments):
        process = subprocess.Popen(
            [*FAKES, "run", *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        processes.append(process)
        for line in process.stdout or ():
            if line.startswith("styled:"):
                return process
        raise AssertionError("it ended before it was styled")

    yield begin
    for process in processes:
        process.kill()
        process.wait(10)
        process.stdout.close()
