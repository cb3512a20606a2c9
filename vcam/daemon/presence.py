"""One daemon a user: the lock that says so, and the note by which clients find it.

The lock is the system's own and goes with the process, however that ends. The note `daemon.json`
(0600, runtime folder) tells this user's programs where the daemon listens and with which token;
vcam.client reads it.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

from filelock import FileLock, Timeout

from vcam.client.note import NOTE, DaemonNote, read_note
from vcam.config.private_file import write_private
from vcam.errors import DaemonError


class Presence:
    """This process as the daemon of its user.

    folder: the runtime folder.
    """

    def __init__(self, folder: Path) -> None:
        self._note = folder / NOTE
        self._folder = folder
        self._lock = FileLock(folder / "daemon.lock", mode=0o600, thread_local=False)

    def claim(self) -> None:
        """Become the daemon.

        Raises: DaemonError (already-running) if there is one, with its process id.
        """
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            note = read_note(self._folder)
            process = "" if note is None else f" (process {note['pid']})"
            raise DaemonError(
                "already-running",
                f"vcam is running already{process}.",
                "`vcam open` shows its page; a clip goes into a file beside it with --no-web",
            ) from error
        self._note.unlink(missing_ok=True)  # of a daemon that was killed

    def announce(self, *, port: int | None, token: str) -> None:
        """Tell this user's programs where to find us; port None: there is no page."""
        note = DaemonNote(pid=os.getpid(), port=port, token=token)
        write_private(self._note, json.dumps(note).encode())

    def leave(self) -> None:
        """Take the note away and let the next one be the daemon."""
        if self._lock.is_locked:
            with contextlib.suppress(OSError):
                self._note.unlink(missing_ok=True)
                (self._folder / "open.html").unlink(missing_ok=True)
            self._lock.release()
