"""What is done so far, on disk: an SQLite file in OUT's folder `unfinished`.

Ctrl-C, a crash or a power cut lose the last seconds of work at most, and the same command goes on
from there. The file is gone once the shards are there.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import numpy as np

from models.crop import MESH_POINTS
from models.training.prepare.outcomes import Dropped, Examined, Kept, Reason

_COMMIT_S = 2.0
_SCHEMA = """
    CREATE TABLE IF NOT EXISTS run (identity TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS photo (number INTEGER PRIMARY KEY, digest TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS face (
        photo INTEGER, place INTEGER, picture BLOB, landmarks BLOB, hash BLOB,
        reason TEXT, detail TEXT, thumbnail BLOB, PRIMARY KEY (photo, place)
    );
"""


class LedgerError(Exception):
    """The unfinished run cannot be taken up: why."""


class Ledger:
    """The unfinished run in a file; one process at a time has it open.

    identity: what the results depend on (photos, limits, versions). A file of another run is not
    taken up.
    Raises: LedgerError if the file belongs to another run, is in use, or is damaged.
    """

    def __init__(self, path: Path, identity: dict[str, object]) -> None:
        self._committed_s = time.monotonic()
        self._connection = sqlite3.connect(path, timeout=0.5)
        try:
            self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._connection.executescript(_SCHEMA)
            self._connection.execute("BEGIN EXCLUSIVE")
            self._claim(identity)
            self._connection.commit()
        except sqlite3.DatabaseError as error:
            self._connection.close()
            if "locked" in str(error):
                raise LedgerError("another run is at work in this folder") from error
            raise LedgerError(f"{path} is damaged: {error}") from error
        except LedgerError:
            self._connection.close()
            raise

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Keep what was recorded and let go of the file."""
        try:
            self._connection.commit()
        finally:
            self._connection.close()

    def done(self) -> set[int]:
        """Numbers of the photos that were examined."""
        return {number for (number,) in self._connection.execute("SELECT number FROM photo")}

    def record(self, number: int, examined: Examined) -> None:
        """Note what became of a photo; on disk within two seconds of work."""
        write = self._connection.execute
        write("INSERT INTO photo VALUES (?, ?)", (number, examined.digest))
        for place, face in enumerate(examined.faces):
            if isinstance(face, Kept):
                mesh, bits = face.landmarks.astype("<f4").tobytes(), face.face_hash.tobytes()
                row = (face.picture, mesh, bits, None, None, None)
            else:
                row = (None, None, None, face.reason.name, face.detail, face.thumbnail)
            write("INSERT INTO face VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (number, place, *row))
        if time.monotonic() - self._committed_s > _COMMIT_S:
            self._connection.commit()
            self._committed_s = time.monotonic()

    def outcomes(self) -> Iterator[tuple[int, Examined]]:
        """What became of every photo, by number."""
        photos = self._connection.execute("SELECT number, digest FROM photo ORDER BY number")
        for number, digest in photos:
            rows = self._connection.execute(
                "SELECT picture, landmarks, hash, reason, detail, thumbnail FROM face"
                " WHERE photo = ? ORDER BY place",
                (number,),
            )
            faces: list[Kept | Dropped] = []
            for picture, landmarks, bits, reason, detail, thumbnail in rows:
                if reason is not None:
                    faces.append(Dropped(Reason[reason], detail, thumbnail))
                    continue
                mesh = np.frombuffer(landmarks, "<f4").reshape(MESH_POINTS, 2)
                faces.append(Kept(picture, mesh, np.frombuffer(bits, np.uint64)))
            yield number, Examined(digest, faces)

    def _claim(self, identity: dict[str, object]) -> None:
        row = self._connection.execute("SELECT identity FROM run").fetchone()
        if row is None:
            line = json.dumps(identity)
            self._connection.execute("INSERT INTO run VALUES (?)", (line,))
            return
        before: dict[str, object] = json.loads(row[0])
        wanted: dict[str, object] = json.loads(json.dumps(identity))
        other = [name for name, value in wanted.items() if before.get(name) != value]
        if other:
            raise LedgerError(f"the run that was begun there had other {' and '.join(other)}")
