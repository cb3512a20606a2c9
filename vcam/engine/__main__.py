"""The engine process, `python -m vcam.engine`: started, told and watched by the daemon.

The main thread reads commands; a heartbeat tells the status from the first moment on; the engine
loads its rooms and works on threads of its own. It ends when standard input ends, when told to
stop, at the end of a clip, or by an error that it names: within a second, with status 0, or 1 after
an error.
"""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from vcam.engine.process import Heartbeat, Speaker, begin, note, note_crash
from vcam.engine.protocol import receive
from vcam.errors import VcamError


def main() -> NoReturn:
    """Serve until the end."""
    pipes = begin()
    say = Speaker(pipes.events)
    heartbeat = Heartbeat(say)
    try:
        from vcam.engine.serving import Engine  # numpy, OpenCV, pydantic: the heart beats already

        engine = Engine(say, _leave, heartbeat)
        while (command := receive(pipes.commands)) is not None and engine.obey(command):
            pass
        engine.stop()
    except VcamError as error:
        _fail(say, error)
    except Exception as error:  # noqa: BLE001 - no traceback reaches a user
        _fail(say, note_crash(error))
    _leave(0)


def _fail(say: Speaker, error: VcamError) -> NoReturn:
    note(str(error))
    say({"kind": "ended", "error": error.record()})
    _leave(1)


def _leave(status: int) -> NoReturn:
    """End at once: native threads are not waited for, the system takes the camera back."""
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
