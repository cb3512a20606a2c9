"""Work on files that a user hands over, done in a child process that ends after its job.

Such a file is never decoded in the daemon: the jobs process has no network, low priority and a
limit of memory, and whatever a damaged picture does to it stays there. Live frames do not wait for
it.
"""

from __future__ import annotations

import itertools
import threading
from pathlib import Path
from typing import Any

from vcam.daemon.children import Child, describe_end
from vcam.errors import DaemonError, from_record

JOBS = "vcam.engine.jobs"
JOB_LIMIT_S = 60.0
"""Longest a job may take; most of a short one is loading MediaPipe."""


class Jobs:
    """Runs one job at a time, each in a process of its own.

    log: file (0600) for what the process prints.
    """

    def __init__(
        self, log: Path, *, module: str | None = None, limit_s: float = JOB_LIMIT_S
    ) -> None:
        self._log, self._module, self._limit_s = log, module or JOBS, limit_s
        self._one_at_a_time = threading.Lock()
        self._numbers = itertools.count(1)

    def run(
        self, name: str, arguments: dict[str, Any], *, limit_s: float | None = None
    ) -> dict[str, Any]:
        """Do the job `name` of vcam.engine.jobs and return its result.

        limit_s: how long it may take, where that is not this object's own limit.
        Raises: the error that the job reports; DaemonError (job-failed) if the process crashed or
        took too long.
        """
        with self._one_at_a_time:
            return self._run(name, arguments, self._limit_s if limit_s is None else limit_s)

    def _run(self, name: str, arguments: dict[str, Any], limit_s: float) -> dict[str, Any]:
        number = next(self._numbers)
        answers: list[Any] = []
        answered = threading.Event()

        def on_event(event: Any) -> None:  # noqa: ANN401 - an Event, by its `kind`
            if event.get("id") == number and event["kind"] in ("done", "failed"):
                answers.append(event)
                answered.set()

        child = Child(self._module, log=self._log, on_event=on_event, on_end=answered.set)
        child.send({"kind": "job", "id": number, "name": name, "arguments": arguments})
        try:
            in_time = answered.wait(limit_s)
        except BaseException:  # Ctrl-C in a terminal reaches us and not the child
            child.kill()
            raise
        status = child.finish(1.0) if in_time else child.kill()
        if not answers:
            said = describe_end(status) if in_time else f"was ended after {limit_s:.0f} seconds"
            raise DaemonError(
                "job-failed",
                f"The process that reads files {said}.",
                f"try another file; {self._log} has what it printed",
            )
        answer = answers[0]
        if answer["kind"] == "failed":
            raise from_record(answer["error"])
        return answer["result"]
