"""The jobs process, `python -m vcam.engine.jobs`: every file that a user hands over is read here.

Started by the daemon when there is a job, without network, at low priority, with limits of time
and memory; what a damaged file does to it stays in it. Jobs come one at a time, and it ends with
standard input.
"""

from __future__ import annotations

import faulthandler
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from vcam.engine.process import Speaker, begin, note_crash
from vcam.engine.protocol import receive
from vcam.errors import ConfigError, DaemonError, VcamError

JOB_LIMIT_S = 50.0
LIMITS_S = {"import-model": 300.0}
"""Where a job may take longer: two gigabytes have to come from a slow disk."""
MEMORY_LIMIT_BYTES = 4 << 30
"""What a job may allocate: a picture of the most pixels several times over, and MediaPipe;
or a checkpoint of three gigabytes, all of it, and torch."""

_NICENESS = 10


def add_reference(arguments: dict[str, Any]) -> dict[str, Any]:
    """`{path, id}` of a picture to `{id, title}` of the reference face that it became."""
    from vcam.config.library import ReferenceLibrary
    from vcam.engine import reference_picture  # Pillow and MediaPipe

    card = reference_picture.add_reference(
        ReferenceLibrary(), Path(arguments["path"]), arguments.get("id")
    )
    return {"id": card.id, "title": card.title}


def import_model(arguments: dict[str, Any]) -> dict[str, Any]:
    """`{path, name, folder}` of a checkpoint: weights in the folder, and `{advice}`."""
    from vcam.engine import imported_model  # torch

    path, folder = Path(arguments["path"]), Path(arguments["folder"])
    return {"advice": imported_model.import_model(path, arguments["name"], folder)}


JOBS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "add-reference": add_reference,
    "import-model": import_model,
}
"""Name of a job -> what does it."""


def main() -> NoReturn:
    """Do jobs until standard input ends."""
    pipes = begin()
    _limit()
    say = Speaker(pipes.events)
    while (command := receive(pipes.commands)) is not None and command["kind"] == "job":
        limit_s = LIMITS_S.get(command["name"], JOB_LIMIT_S)
        faulthandler.dump_traceback_later(limit_s, exit=True)  # by a thread that needs no GIL
        try:
            result = _job(command["name"])(command["arguments"])
            say({"kind": "done", "id": command["id"], "result": result})
        except VcamError as error:
            say({"kind": "failed", "id": command["id"], "error": error.record()})
        except MemoryError:
            say({"kind": "failed", "id": command["id"], "error": _too_much().record()})
        except Exception as error:  # noqa: BLE001 - no traceback reaches a user
            say({"kind": "failed", "id": command["id"], "error": note_crash(error).record()})
        faulthandler.cancel_dump_traceback_later()
    sys.stderr.flush()
    os._exit(0)


def _job(name: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    if name not in JOBS:
        raise ConfigError("not-found", f"There is no job {name!r}.", f"known: {', '.join(JOBS)}")
    return JOBS[name]


def _limit() -> None:
    """Low priority; on systems that can, a limit of memory."""
    if sys.platform == "win32":
        import psutil

        psutil.Process().nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
        return
    import resource

    os.nice(_NICENESS)
    # Private writable memory: unlike the address space it does not grow with the number of cores.
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    limit = MEMORY_LIMIT_BYTES if most == resource.RLIM_INFINITY else min(MEMORY_LIMIT_BYTES, most)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, most))


def _too_much() -> VcamError:
    return DaemonError(
        "job-failed", "The file needs more memory than a job may use.", "use a smaller one"
    )


if __name__ == "__main__":
    main()
