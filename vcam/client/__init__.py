"""A running vcam, from another program.

    from vcam.client import Client

    vcam = Client()
    vcam.change(strength=0.5, regions=["eyes"])
    print(vcam.status()["state"])

Finds this user's daemon by the note in the runtime folder and speaks its HTTP API (docs/api.md)
with nothing but the standard library. Every failure is a vcam.errors.VcamError.
"""

from __future__ import annotations

import html
import http.client
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

from vcam.client.note import DaemonNote, read_note
from vcam.config.folders import runtime_folder
from vcam.config.private_file import write_private
from vcam.errors import DaemonError, ErrorRecord, ReferencePictureError, from_record

__all__ = ["Client"]

TIMEOUT_S = 10.0
_ADDING_TIMEOUT_S = 90.0  # the jobs process may have to load MediaPipe from a cold disk
_PICTURE_LIMIT_BYTES = 20_000_000
_REDIRECT = "open.html"


class Client:
    """Speaks with this user's daemon; each call is a request of its own.

    folder: the runtime folder to look in; by default this user's.
    Raises: DaemonError (not-running) from every call if there is no daemon, or none with an API.
    """

    def __init__(self, *, folder: Path | None = None, timeout_s: float = TIMEOUT_S) -> None:
        self._folder = folder
        self._timeout_s = timeout_s

    def status(self) -> dict[str, Any]:
        """State, reason, figures, device, sinks: everything at this moment."""
        return self._ask("GET", "/api/status")

    def settings(self) -> dict[str, Any]:
        """Every setting and its value."""
        return self._ask("GET", "/api/settings")["settings"]

    def change(self, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - checked by the daemon
        """Change settings; `reference`, `regions`, `mode`, `tone`, `detail` are layer 1's.

        Returns: the settings after the change.
        Raises: ConfigError with the nearest name, or with what the value may be.
        """
        return self._ask("PATCH", "/api/settings", json.dumps(changes).encode())["settings"]

    def references(self) -> list[dict[str, Any]]:
        """The reference faces: id, title, built_in, tags; the built-in ones first."""
        return self._ask("GET", "/api/references")["references"]

    def add_reference(self, picture: str | Path) -> dict[str, Any]:
        """Make a picture of a face a reference face; the same file again is the same face.

        Returns: its id, title, built_in, tags.
        Raises: ReferencePictureError with the reason why it cannot serve.
        """
        path = Path(picture)
        try:
            if path.stat().st_size > _PICTURE_LIMIT_BYTES:
                raise ReferencePictureError(
                    "reference-too-large", f"{path} has more than 20 MB.", "save it smaller"
                )
            body = path.read_bytes()
        except OSError as error:
            raise ReferencePictureError(
                "reference-missing",
                f"{path} cannot be read: {error.strerror or error}.",
                "check the path",
            ) from error
        address = f"/api/references?name={quote(path.name)}"
        return self._ask("POST", address, body, timeout_s=_ADDING_TIMEOUT_S)["reference"]

    def remove_reference(self, reference_id: str) -> None:
        """Remove one of the user's own reference faces.

        Raises: ReferencePictureError (reference-unknown, -built-in, -in-use).
        """
        self._ask("DELETE", f"/api/references/{quote(reference_id, safe='')}")

    def snapshot(self) -> bytes:
        """The newest published picture, as JPEG."""
        return self._request("GET", "/api/snapshot.jpg", None, self._timeout_s)[1]

    def open_page_url(self) -> str:
        """An address that a browser of this user opens the page by, within a minute, once.

        It is a file (0600) that leads to the page with a one-time code: the code stands in no
        command line, where other users could read it.
        """
        code = self._ask("POST", "/api/code")["code"]
        folder, note = self._note()
        page = html.escape(f"http://127.0.0.1:{note['port']}/#code={code}", quote=True)
        redirect = folder / _REDIRECT
        write_private(
            redirect,
            f'<!doctype html><meta charset="utf-8"><meta name="referrer" content="no-referrer">'
            f'<meta http-equiv="refresh" content="0; url={page}"><title>vcam</title>'
            f'<a href="{page}">Open vcam</a>\n'.encode(),
        )
        return redirect.as_uri()

    # ---- inside ------------------------------------------------------------------------------

    def _ask(
        self, method: str, address: str, body: bytes | None = None, timeout_s: float | None = None
    ) -> dict[str, Any]:
        """Send a request and read its JSON; raises the error that came back, in its own class."""
        status, answer = self._request(method, address, body, timeout_s or self._timeout_s)
        try:
            read = json.loads(answer)
        except ValueError as error:
            raise _strange(f"status {status}") from error
        if not isinstance(read, dict):
            raise _strange(f"status {status}")
        return read  # pyright: ignore[reportUnknownVariableType] - docs/api.md says what it holds

    def _request(
        self, method: str, address: str, body: bytes | None, timeout_s: float
    ) -> tuple[int, bytes]:
        _, note = self._note()
        connection = http.client.HTTPConnection("127.0.0.1", note["port"], timeout=timeout_s)
        try:
            connection.request(
                method, address, body, headers={"Authorization": f"Bearer {note['token']}"}
            )
            response = connection.getresponse()
            answer = response.read()
        except ConnectionRefusedError as error:
            raise _not_running() from error
        except (OSError, http.client.HTTPException) as error:
            raise _strange(str(error) or type(error).__name__) from error
        finally:
            connection.close()
        if response.status >= http.client.BAD_REQUEST:
            raise from_record(_error_in(answer, response.status))
        return response.status, answer

    def _note(self) -> tuple[Path, DaemonNote]:
        folder = self._folder or runtime_folder()
        note = read_note(folder)
        if note is None:
            raise _not_running()
        if note["port"] is None:
            raise DaemonError(
                "not-running",
                f"vcam runs without its page (process {note['pid']}).",
                "start it without --no-web",
            )
        return folder, note


def _error_in(answer: bytes, status: int) -> ErrorRecord:
    try:
        error = json.loads(answer)["error"]
        return ErrorRecord(
            code=str(error["code"]), message=str(error["message"]), hint=str(error["hint"])
        )
    except (ValueError, KeyError, TypeError):
        return _strange(f"status {status}").record()


def _strange(what: str) -> DaemonError:
    return DaemonError("internal", f"vcam gave no proper answer: {what}.", "start vcam again")


def _not_running() -> DaemonError:
    return DaemonError("not-running", "vcam is not running.", "start it with `vcam run`")
