"""How a client finds the daemon: the note that it leaves in the runtime folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypedDict

NOTE = "daemon.json"


class DaemonNote(TypedDict):
    """What the note says. port: None if the daemon runs without its page and API."""

    pid: int
    port: int | None
    token: str


def read_note(folder: Path) -> DaemonNote | None:
    """The running daemon's note in the runtime folder, None without one."""
    try:
        note = json.loads((folder / NOTE).read_bytes())
        return DaemonNote(
            pid=int(note["pid"]),
            port=None if note["port"] is None else int(note["port"]),
            token=str(note["token"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
