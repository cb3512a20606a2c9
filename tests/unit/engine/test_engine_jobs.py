"""The jobs process: one job after the other, and limits that hold."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import time

import psutil
import pytest

from vcam.errors import EXIT_STATUS

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limits")

PATCHED = """
    import time
    from vcam.engine import jobs

    def sleep(arguments):
        time.sleep(20)

    def allocate(arguments):
        return {"bytes": len(bytearray(8 << 30))}

    def fail(arguments):
        raise RuntimeError("a mistake of ours")

    jobs.JOBS.update(sleep=sleep, allocate=allocate, fail=fail)
    jobs.JOB_LIMIT_S = 0.5
    jobs.main()
"""


@pytest.fixture
def jobs(tmp_path, monkeypatch, request):
    """The jobs process; `PATCHED` as its parameter adds jobs that misbehave."""
    monkeypatch.setenv("VCAM_HOME", str(tmp_path))
    code = getattr(request, "param", "")
    how = ["-c", textwrap.dedent(code)] if code else ["-m", "vcam.engine.jobs"]
    with subprocess.Popen(
        [sys.executable, *how],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        yield process
        process.kill()


def do(process, name, number=1, **arguments):
    """Give a job; its answer."""
    job = {"kind": "job", "id": number, "name": name, "arguments": arguments}
    process.stdin.write(json.dumps(job).encode() + b"\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline() or "null")


def test_failures_are_answers_and_the_process_goes_on(jobs, tmp_path):
    """A file that is no picture, an unknown job: each is answered by its number and reason."""
    (tmp_path / "letter.jpg").write_bytes(b"Dear Sir")
    answer = do(jobs, "add-reference", 7, path=str(tmp_path / "letter.jpg"), id=None)
    assert (answer["kind"], answer["id"]) == ("failed", 7)
    assert answer["error"]["code"] == "reference-not-a-picture"
    answer = do(jobs, "no-such-job", 8)
    assert answer["error"]["code"] in EXIT_STATUS
    assert "add-reference" in answer["error"]["hint"]
    jobs.stdin.close()
    assert jobs.wait(5) == 0


def test_a_picture_becomes_a_reference(jobs, tmp_path):
    """From a path to a face in the library, by the real decoder and the real face finder."""
    from vcam.config.library import ReferenceLibrary

    library = ReferenceLibrary(tmp_path / "state" / "references")
    answer = do(jobs, "add-reference", path=str(library.picture_path("first")), id="mine")
    assert answer["kind"] == "done", answer
    assert answer["result"]["id"] == "mine"
    assert library.resolve("mine") == "mine"
    assert b"Traceback" not in (jobs.communicate()[1])


@posix
def test_it_runs_at_low_priority_within_limits(jobs):
    """Live frames go first, and memory is limited."""
    do(jobs, "no-such-job")
    process = psutil.Process(jobs.pid)
    assert process.nice() >= 10
    if sys.platform.startswith("linux"):
        assert process.rlimit(psutil.RLIMIT_DATA)[0] <= 4 << 30


@posix
@pytest.mark.parametrize("jobs", [PATCHED], indirect=True)
def test_a_job_that_takes_too_much_memory_fails_alone(jobs):
    """It is told as a failure; the process goes on, and so does the machine."""
    assert do(jobs, "allocate")["error"]["code"] == "job-failed"
    assert do(jobs, "fail")["error"]["code"] == "internal"


@pytest.mark.parametrize("jobs", [PATCHED], indirect=True)
def test_a_job_that_takes_too_long_ends_the_process(jobs):
    """The daemon sees its end; where it hung is in the log."""
    began = time.monotonic()
    assert do(jobs, "sleep") is None
    assert jobs.wait(5) != 0
    assert time.monotonic() - began < 5
    assert b"in sleep" in jobs.stderr.read()
