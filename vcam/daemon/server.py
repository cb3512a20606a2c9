"""The HTTP server: waitress on 127.0.0.1, on threads of its own.

What waitress answers by itself (a request it cannot read, a body that is too large) has the API's
form of error too.
"""

from __future__ import annotations

import json
import logging
import socket
import sys
import threading
from typing import Any

from flask import Flask
from waitress.channel import HTTPChannel
from waitress.server import create_server
from waitress.task import ErrorTask

from vcam.errors import DaemonError

HOST = "127.0.0.1"
THREADS = 32
BODY_LIMIT_BYTES = 20_000_000
SEND_BUFFER_BYTES = 256 * 1024
"""Little may wait on its way to a viewer that falls behind: it would see the past."""

# "Task queue depth" and the like are no news for a user; requests are never logged.
logging.getLogger("waitress").setLevel(logging.ERROR)


class Server:
    """A socket that is ours from the start, and the threads that answer on it.

    port: the wanted one. is_named: asked for by name, so no other one will do.
    Raises: DaemonError (port-taken) if a port asked for by name is taken.
    """

    def __init__(self, port: int, *, is_named: bool) -> None:
        self._socket = _listen(port, is_named=is_named)
        self.port: int = self._socket.getsockname()[1]
        self._server: Any = None
        self._thread: threading.Thread | None = None

    def start(self, application: Flask) -> None:
        """Answer from now on."""
        server: Any = create_server(
            application,
            sockets=[self._socket],
            threads=THREADS,
            ident=None,
            max_request_body_size=BODY_LIMIT_BYTES,
            outbuf_high_watermark=SEND_BUFFER_BYTES // 2,
            channel_request_lookahead=1,  # so that a viewer who leaves is seen while it streams
            asyncore_use_poll=True,
        )
        server.channel_class = _Channel
        self._server = server
        self._thread = threading.Thread(target=server.run, name="http", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float = 0.5) -> None:
        """Close every connection; requests that still run are left to end with the process."""
        if self._thread is None:
            self._socket.close()
        elif self._thread.is_alive():
            self._server.trigger.pull_trigger(self._close_all)
            self._thread.join(timeout_s)
            self._server.task_dispatcher.set_thread_count(0)

    def _close_all(self) -> None:
        """End waitress's loop, on its own thread.

        Of its trigger, a pipe, the writing end stays open: a request that still runs may be about
        to write there, and the descriptor could be another file's by then.
        """
        server = self._server
        server.pull_trigger = _nothing
        for connection in list(server._map.values()):
            if isinstance(connection, HTTPChannel):
                connection.handle_close()  # wakes whoever waits to write to it
        server.trigger.socket.close()
        self._socket.close()
        server._map.clear()


def _nothing() -> None:
    """What is left to pull when the loop has ended."""


class _JsonError(ErrorTask):
    """What waitress refuses by itself, in the API's form."""

    def execute(self) -> None:
        task: Any = self  # the stubs know neither the error nor that headers are a list
        error = task.request.error
        code = "too-large" if error.code in (413, 431) else "internal"
        hint = "a picture may have 20 MB" if error.code == 413 else "see docs/api.md"
        record = {"code": code, "message": f"{error.reason}.", "hint": hint}
        body = json.dumps({"ok": False, "error": record}).encode()
        self.status = f"{error.code} {error.reason}"
        task.response_headers.append(("Content-Type", "application/json"))
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class _Channel(HTTPChannel):
    error_task_class = _JsonError


def _listen(port: int, *, is_named: bool) -> socket.socket:
    """A listening socket on the port, or on a free one if the port was only a default."""
    try:
        return _bound(port)
    except OSError as error:
        if is_named:
            raise DaemonError(
                "port-taken",
                f"Port {port} cannot be had: {error.strerror or error}.",
                "choose another with --port, or leave it out for a free one",
            ) from error
    return _bound(0)


def _bound(port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if sys.platform == "win32":
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:  # a port that the last run has just left is free again
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        bound.bind((HOST, port))
        bound.listen(64)
    except BaseException:
        bound.close()
        raise
    return bound
