"""The server on a real socket: its port, its errors, its end."""

import http.client
import json
import socket
import threading
import time

import pytest

from vcam.daemon.server import BODY_LIMIT_BYTES, HOST, SEND_BUFFER_BYTES, Server
from vcam.errors import DaemonError


class Service:
    """A server with an application, and raw connections to it."""

    def __init__(self, application):
        self.server = Server(0, is_named=False)
        self.server.start(application)

    def request(self, method, address, body=None, headers=None):
        """Status, headers and body of a request."""
        connection = http.client.HTTPConnection(HOST, self.server.port, timeout=10)
        try:
            connection.request(method, address, body, headers or {})
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def raw(self, data):
        """What comes back for these bytes."""
        with socket.create_connection((HOST, self.server.port), timeout=10) as connection:
            connection.sendall(data)
            received = b""
            while chunk := connection.recv(65536):
                received += chunk
        return received


def hello(environ, start_response):
    """A small application."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


@pytest.fixture
def serve():
    """Start servers that are stopped after the test."""
    services = []

    def start(application):
        services.append(Service(application))
        return services[-1]

    yield start
    for service in services:
        service.server.stop()


def test_it_listens_on_this_machine_only(serve):
    """Nobody else's network reaches it."""
    service = serve(hello)
    assert service.server._socket.getsockname()[0] == "127.0.0.1"
    status, headers, body = service.request("GET", "/")
    assert (status, body) == (200, b"hello")
    assert "Server" not in headers


def test_a_default_port_that_is_taken_becomes_a_free_one():
    """Another program on the port does not keep vcam from starting."""
    with socket.create_server((HOST, 0)) as other:
        taken = other.getsockname()[1]
        server = Server(taken, is_named=False)
        assert server.port != taken
        server.stop()


def test_a_port_asked_for_by_name_must_be_it():
    """Who names a port gets that one or an error that says so."""
    with socket.create_server((HOST, 0)) as other:
        taken = other.getsockname()[1]
        with pytest.raises(DaemonError) as caught:
            Server(taken, is_named=True)
    assert caught.value.code == "port-taken"
    assert caught.value.exit_status == 4
    assert str(taken) in str(caught.value)


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (BODY_LIMIT_BYTES + 1),
            413,
            "too-large",
        ),
        (b"nonsense\r\n\r\n", 400, "internal"),
    ],
)
def test_what_the_server_refuses_itself_has_the_same_form(serve, data, status, code):
    """Too large a body and nonsense are JSON errors too, told before a body is sent."""
    head, _, body = serve(hello).raw(data).partition(b"\r\n\r\n")
    assert int(head.split()[1]) == status
    error = json.loads(body)["error"]
    assert error["code"] == code
    assert error["message"]
    assert error["hint"]


def test_a_viewer_that_falls_behind_is_held_back_soon(serve):
    """For one who does not read, only a little is made in advance, so they never see the past."""
    made = []

    def endless(environ, start_response):
        start_response("200 OK", [])
        while True:
            made.append(1)
            yield b"x" * 100_000

    service = serve(endless)
    with socket.create_connection((HOST, service.server.port), timeout=10) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(0.3)
        count = len(made)
        time.sleep(0.3)
        assert len(made) == count
        # The system doubles what is asked for and adds the reader's side.
        assert count * 100_000 < 8 * 1024 * 1024 + 4 * SEND_BUFFER_BYTES


def test_a_viewer_that_leaves_frees_its_place(serve):
    """When a viewer goes, the stream's end is run, though the viewer said nothing."""
    ended = threading.Event()

    def stream(environ, start_response):
        start_response("200 OK", [])
        try:
            while True:
                yield b"."
                time.sleep(0.01)
        finally:
            ended.set()

    service = serve(stream)
    with socket.create_connection((HOST, service.server.port), timeout=10) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        connection.recv(1024)
    assert ended.wait(10)


def test_it_stops_while_somebody_looks(serve, deadline):
    """An open stream does not hold the end back, and the port is free again."""

    def stream(environ, start_response):
        start_response("200 OK", [])
        while True:
            yield b"."
            time.sleep(0.05)

    service = serve(stream)
    with socket.create_connection((HOST, service.server.port), timeout=10) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        connection.recv(1024)
        began_s = time.monotonic()
        service.server.stop()
        assert time.monotonic() - began_s < deadline(1.0)
    with pytest.raises(OSError, match="refused"):
        service.request("GET", "/")
