"""The HTTP API and the page, as a Flask application (docs/api.md).

Every request is checked twice: where it comes from (auth.check_place), and what right it carries.
Every failure has one form, `{"ok": false, "error": {code, message, hint}}`. Runs on waitress's
threads; the Controller and the References are safe from any of them.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

from flask import Flask, Response, request, send_file, send_from_directory
from werkzeug.exceptions import HTTPException

from vcam.daemon.auth import Auth, ForeignRequestError, check_place
from vcam.daemon.controller import Controller
from vcam.daemon.preview import Preview
from vcam.daemon.references import References
from vcam.daemon.server import BODY_LIMIT_BYTES
from vcam.errors import EXIT_STATUS, ConfigError, DaemonError, VcamError

STREAMS = 12
"""Previews and event streams at a time; each holds a thread."""

_LOG = logging.getLogger(__name__)
_WEB = Path(__file__).with_name("web")
_NEXT_PART = b"\r\n--frame\r\nContent-Type: image/jpeg\r\n\r\n"
_STILL_S = 5.0  # a preview repeats a still picture this often, and so sees that a viewer has left
_EVENT_S = 0.2  # at most one event in this time

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}

# Error code -> HTTP status, where the exit status does not say it.
_STATUS: dict[str, int] = {
    "not-found": HTTPStatus.NOT_FOUND,
    "reference-unknown": HTTPStatus.NOT_FOUND,
    "reference-too-large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "too-large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "too-many-viewers": HTTPStatus.SERVICE_UNAVAILABLE,
    "unauthorised": HTTPStatus.UNAUTHORIZED,
}
_STATUS_OF_EXIT = {
    1: HTTPStatus.INTERNAL_SERVER_ERROR,
    2: HTTPStatus.BAD_REQUEST,
    3: HTTPStatus.NOT_FOUND,
    4: HTTPStatus.CONFLICT,
    5: HTTPStatus.INTERNAL_SERVER_ERROR,
}


class Api:
    """The routes and what they need.

    port: where it is served, which the Host of every request must name.
    """

    def __init__(
        self,
        controller: Controller,
        references: References,
        preview: Preview,
        auth: Auth,
        *,
        port: int,
    ) -> None:
        self._controller, self._references, self._preview = controller, references, preview
        self._auth, self._port = auth, port
        self._seats = threading.BoundedSemaphore(STREAMS)
        self._ending = threading.Event()

    def application(self) -> Flask:
        """The Flask application."""
        app = Flask(__name__, static_folder=None)
        app.config["MAX_CONTENT_LENGTH"] = BODY_LIMIT_BYTES
        app.json.sort_keys = False  # pyright: ignore[reportAttributeAccessIssue] - the default's
        for rule, method, view in self._routes():
            app.add_url_rule(
                rule,
                endpoint=f"{method} {rule}",
                view_func=view,
                methods=[method],
                provide_automatic_options=False,
            )
        app.before_request(self._check)
        app.after_request(_add_headers)
        app.register_error_handler(Exception, _answer_error)
        return app

    def end_streams(self) -> None:
        """Let every stream end soon."""
        self._ending.set()

    def _routes(self) -> list[tuple[str, str, Callable[..., Any]]]:
        return [
            ("/", "GET", self._page),
            ("/web/<path:name>", "GET", self._web),
            ("/api/code", "POST", self._code),
            ("/api/session", "POST", self._session),
            ("/api/ticket", "POST", self._ticket),
            ("/api/status", "GET", self._status),
            ("/api/events", "GET", self._events),
            ("/api/settings", "GET", self._settings),
            ("/api/settings", "PATCH", self._change_settings),
            ("/api/references", "GET", self._list_references),
            ("/api/references", "POST", self._add_reference),
            ("/api/references/<name>", "GET", self._reference),
            ("/api/references/<name>", "DELETE", self._remove_reference),
            ("/api/references/<name>/thumbnail", "GET", self._thumbnail),
            ("/api/preview.mjpg", "GET", self._preview_stream),
            ("/api/snapshot.jpg", "GET", self._snapshot),
        ]

    # ---- who may -----------------------------------------------------------------------------

    def _check(self) -> None:
        """Let the request pass or raise `unauthorised`."""
        check_place(dict(request.headers), self._port, is_front_door=request.path == "/")
        path = request.path
        if not path.startswith("/api/") or path == "/api/session":
            return
        is_picture = path.endswith((".mjpg", ".jpg", "/thumbnail"))
        if is_picture and "ticket" in request.args and request.method == "GET":
            self._auth.check_ticket(request.args["ticket"])
        else:
            self._auth.check_bearer(request.headers.get("Authorization"))

    def _code(self) -> dict[str, Any]:
        """A one-time code for a page that is about to open."""
        return {"ok": True, "code": self._auth.issue_code()}

    def _session(self) -> dict[str, Any]:
        """A session key for a one-time code."""
        code = _json_object().get("code")
        return {"ok": True, "key": self._auth.trade_code(code if isinstance(code, str) else "")}

    def _ticket(self) -> dict[str, Any]:
        """A short right to fetch pictures by their address."""
        return {"ok": True, "ticket": self._auth.issue_ticket()}

    # ---- the page ----------------------------------------------------------------------------

    def _page(self) -> Response:
        return send_from_directory(_WEB, "index.html")

    def _web(self, name: str) -> Response:
        return send_from_directory(_WEB, name)

    # ---- state and settings ------------------------------------------------------------------

    def _status(self) -> dict[str, Any]:
        return {"ok": True, **self._controller.status()}

    def _settings(self) -> dict[str, Any]:
        return {"ok": True, **self._controller.settings_record()}

    def _change_settings(self) -> dict[str, Any]:
        return {"ok": True, **self._controller.change(_json_object())}

    def _events(self) -> Response:
        """Server-sent events: `settings` when they change, `status` when anything does."""
        return self._stream(self._event_parts(), "text/event-stream")

    def _event_parts(self) -> Iterator[bytes]:
        seen, revision = 0, 0
        while not self._ending.is_set():
            newest = self._controller.wait_for_news(seen, _STILL_S)
            record = self._controller.settings_record()
            if record["revision"] != revision:
                revision = record["revision"]
                yield _event("settings", record)
            yield _event("status", self._controller.status())
            seen = newest
            self._ending.wait(_EVENT_S)

    # ---- reference faces ---------------------------------------------------------------------

    def _list_references(self) -> dict[str, Any]:
        return {"ok": True, "references": self._references.cards()}

    def _reference(self, name: str) -> dict[str, Any]:
        return {"ok": True, "reference": self._references.card(name)}

    def _add_reference(self) -> tuple[dict[str, Any], int]:
        """The picture is the body; `name` in the address is its file's."""
        name = request.args.get("name", "face")
        card = self._references.add_upload(request.stream, name)
        return {"ok": True, "reference": card}, HTTPStatus.CREATED

    def _remove_reference(self, name: str) -> dict[str, Any]:
        self._references.remove(name)
        return {"ok": True}

    def _thumbnail(self, name: str) -> Response:
        return send_file(self._references.thumbnail(name), mimetype="image/webp")

    # ---- pictures ----------------------------------------------------------------------------

    def _snapshot(self) -> Response:
        """The newest published picture."""
        newest = self._preview.picture(timeout_s=2.0)
        if newest is None:
            raise DaemonError("not-found", "Nothing has been published yet.", "try again soon")
        return Response(newest[0], mimetype="image/jpeg")

    def _preview_stream(self) -> Response:
        """Published pictures as they come; a viewer that is slow skips some."""
        return self._stream(self._preview_parts(), "multipart/x-mixed-replace; boundary=frame")

    def _preview_parts(self) -> Iterator[bytes]:
        number = -1
        # The head of the next part goes out right behind each picture: Chromium shows a picture
        # only when it has read that, and a slate would else be seen when it is over.
        yield _NEXT_PART.lstrip()
        while not self._ending.is_set():
            newest = self._preview.picture(after=number, timeout_s=_STILL_S)
            if newest is None:
                number = -1  # a still picture: send it again
                continue
            jpeg, number = newest
            yield jpeg + _NEXT_PART

    def _stream(self, parts: Iterator[bytes], mimetype: str) -> Response:
        """A response without an end, if there is a seat left.

        Raises: DaemonError (too-many-viewers).
        """
        if not self._seats.acquire(blocking=False):
            raise DaemonError(
                "too-many-viewers",
                f"{STREAMS} previews and pages are open already.",
                "close a tab that shows vcam",
            )
        response = Response(parts, mimetype=mimetype)
        response.call_on_close(self._seats.release)
        return response


def _json_object() -> dict[str, Any]:
    """The request's JSON.

    Raises: ConfigError (setting-invalid) if it is no object.
    """
    try:
        values = json.loads(request.get_data(cache=False) or b"{}")
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise ConfigError(
            "setting-invalid", "The body is no JSON object.", 'send one, as in {"strength": 0.5}'
        )
    return values  # pyright: ignore[reportUnknownVariableType] - checked by who uses it


def _event(name: str, data: Any) -> bytes:  # noqa: ANN401 - a record
    return f"event: {name}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n".encode()


def _add_headers(response: Response) -> Response:
    response.headers.update(_HEADERS)
    return response


def _answer_error(error: Exception) -> tuple[dict[str, Any], int]:
    """Any failure, in the one form."""
    if isinstance(error, ForeignRequestError):
        return {"ok": False, "error": error.record()}, HTTPStatus.FORBIDDEN
    if isinstance(error, VcamError):
        status = _STATUS.get(error.code, _STATUS_OF_EXIT[EXIT_STATUS[error.code]])
        return {"ok": False, "error": error.record()}, status
    if isinstance(error, HTTPException):
        status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
        said = _of_http(status)
        return {"ok": False, "error": said.record()}, status
    _LOG.exception("a request failed")
    said = DaemonError("internal", "vcam met an error of its own.", "`vcam config` names the log")
    return {"ok": False, "error": said.record()}, HTTPStatus.INTERNAL_SERVER_ERROR


def _of_http(status: int) -> VcamError:
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return DaemonError("too-large", "The body is too large.", "a picture may have 20 MB")
    said = {
        HTTPStatus.NOT_FOUND: "There is nothing at this address.",
        HTTPStatus.METHOD_NOT_ALLOWED: "This address does not take this method.",
    }
    if status in said:
        return DaemonError("not-found", said[HTTPStatus(status)], "see docs/api.md")
    return DaemonError("internal", f"{HTTPStatus(status).phrase}.", "see docs/api.md")
