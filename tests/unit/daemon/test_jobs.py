"""Jobs: a process for each, its errors in their own class, its crashes survived."""

import time

import pytest

from vcam.daemon.jobs import Jobs
from vcam.errors import DaemonError, ReferencePictureError

WORKER = """
import json, os, sys, time
for line in sys.stdin.buffer:
    job = json.loads(line)
    what = job["arguments"]["what"]
    if what == "crash":
        os.abort()
    if what == "sleep":
        time.sleep(60)
    answer = {"kind": "done", "id": job["id"], "result": {"pid": os.getpid()}}
    if what == "fail":
        error = {"code": "reference-no-face", "message": "No face.", "hint": "take another"}
        answer = {"kind": "failed", "id": job["id"], "error": error}
    sys.stdout.write(json.dumps(answer) + "\\n")
    sys.stdout.flush()
"""


@pytest.fixture
def jobs(tmp_path, monkeypatch):
    """Jobs for the worker above."""
    (tmp_path / "a_worker.py").write_text(WORKER)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return Jobs(tmp_path / "jobs.log", module="a_worker", limit_s=20)


def test_each_job_has_a_process_of_its_own(jobs):
    """Two jobs, two processes, none left: what one file did cannot reach the next."""
    first = jobs.run("any", {"what": "work"})["pid"]
    assert jobs.run("any", {"what": "work"})["pid"] != first


def test_an_error_comes_back_in_its_class(jobs):
    """What the job says is what the user hears."""
    with pytest.raises(ReferencePictureError, match="No face"):
        jobs.run("any", {"what": "fail"})


def test_a_crash_is_an_error_and_no_more(jobs):
    """A file that crashes its reader costs that job only, and the error names the log."""
    with pytest.raises(DaemonError) as caught:
        jobs.run("any", {"what": "crash"})
    assert caught.value.code == "job-failed"
    assert "jobs.log" in caught.value.hint
    assert jobs.run("any", {"what": "work"})


def test_a_job_has_a_limit_of_time(tmp_path, jobs):
    """A file that takes for ever is given up, and its process ended."""
    short = Jobs(tmp_path / "jobs.log", module="a_worker", limit_s=0.3)
    began_s = time.monotonic()
    with pytest.raises(DaemonError, match="ended after"):
        short.run("any", {"what": "sleep"})
    assert time.monotonic() - began_s < 10
