"""A worker has no network."""

from __future__ import annotations

import platform
import subprocess
import sys
import textwrap

import pytest

from models.training.prepare.offline import go_offline

PROBE = """
    import ctypes, errno, socket, subprocess, sys
    from models.training.prepare.offline import go_offline

    assert go_offline()
    for family in (socket.AF_INET, socket.AF_INET6):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            try:
                socket.socket(family, kind)
            except OSError as error:
                assert error.errno == errno.EAFNOSUPPORT, error
            else:
                raise AssertionError("a socket opened")
    ours, theirs = socket.socketpair()
    ours.sendall(b"x")
    assert theirs.recv(1) == b"x"
    ours.close(), theirs.close()
    ring = ctypes.CDLL(None, use_errno=True).syscall(425, 1, None)
    assert ring == -1 and ctypes.get_errno() == errno.ENOSYS, "io_uring opens sockets"
    child = subprocess.run([sys.executable, "-c", "import socket; socket.socket()"], stderr=-3)
    assert child.returncode == 1, "a child has the network"
    print("fine")
"""


@pytest.mark.skipif(
    not sys.platform.startswith("linux") or platform.machine() not in ("x86_64", "aarch64"),
    reason="only Linux on x86_64 and aarch64 offers the means",
)
def test_only_sockets_that_stay_on_the_machine_open() -> None:
    """In a process of its own, for the filter never comes off again, and in its children."""
    probe = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROBE)], capture_output=True, text=True, timeout=60
    )
    assert (probe.stdout.strip(), probe.stderr) == ("fine", "")


def test_other_systems_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system offers nothing, the answer is False and nothing is pretended."""
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert go_offline() is False
