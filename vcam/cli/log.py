"""The log of vcam's own process: what a user need not see, and we do when something breaks."""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path

from vcam.config.folders import state_folder

_LIMIT_BYTES = 1_000_000


def log_path() -> Path:
    """Where it is."""
    return state_folder() / "vcam.log"


def log_to_file() -> None:
    """Send log records, and errors that end a thread, to the log (0600), not to the terminal.

    One that has grown large becomes the `.old` one.
    """
    path = log_path()
    if path.exists() and path.stat().st_size > _LIMIT_BYTES:
        path.replace(path.with_suffix(".old.log"))
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
    handler = logging.FileHandler(path)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    threading.excepthook = _note_thread


def _note_thread(ended: threading.ExceptHookArgs) -> None:
    if ended.exc_value is not None:
        name = ended.thread.name if ended.thread else "a thread"
        logging.getLogger(__name__).error("%s ended", name, exc_info=ended.exc_value)
