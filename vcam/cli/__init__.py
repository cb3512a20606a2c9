"""The command line: reads flags, calls the room that does the work, prints what a person reads.

Each command is a module of its own that is loaded when it is called, so `vcam --help` costs nothing
but argparse. Errors end a command with their three lines and their exit status; a traceback goes to
a log file.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from contextlib import suppress

from vcam.cli.parser import build_parser
from vcam.errors import DaemonError, VcamError

__all__ = ["main"]

FAILED = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns: its exit status."""
    parsed = build_parser().parse_args(arguments)
    try:
        return importlib.import_module(parsed.module).main(parsed)
    except VcamError as error:
        print_error(error)
        return error.exit_status
    except KeyboardInterrupt:
        return FAILED
    except BrokenPipeError:  # whoever read our output has seen enough
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:  # noqa: BLE001 - a bug of ours: the log gets it, the user three lines
        print_error(_note_bug(error))
        return FAILED


def print_error(error: VcamError) -> None:
    """What and why, what to do, and the code to look it up by."""
    print(f"vcam: {error}\n  do: {error.hint}\n  code: {error.code}", file=sys.stderr)


def _note_bug(error: Exception) -> VcamError:
    """Write the traceback to the log. Returns: what the user is told."""
    import logging

    from vcam.cli.log import log_path, log_to_file

    said = f"vcam met an error of its own: {error!r}."
    try:
        log_to_file()
    except (OSError, VcamError):
        return DaemonError("internal", said, "report it")
    logging.getLogger(__name__).error("a command failed", exc_info=error)
    return DaemonError("internal", said, f"{log_path()} has it all")
