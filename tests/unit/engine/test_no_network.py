"""The network is taken from a process for good, and nothing else is."""

from __future__ import annotations

import platform
import subprocess
import sys
import textwrap

import pytest

enforced = pytest.mark.skipif(
    not sys.platform.startswith("linux") or platform.machine() not in ("x86_64", "aarch64"),
    reason="only Linux on x86_64 and aarch64 offers the means",
)

PROBE = """
    import ctypes, errno, os, socket, subprocess, sys, threading
    from vcam.engine.no_network import deny_network

    def opens(family, kind=socket.SOCK_STREAM):
        try:
            socket.socket(family, kind).close()
        except OSError as error:
            assert error.errno == errno.EAFNOSUPPORT, error
            return False
        return True

    go, heard = threading.Event(), []
    older = threading.Thread(target=lambda: (go.wait(), heard.append(opens(socket.AF_INET))))
    older.start()
    assert opens(socket.AF_INET)
    assert deny_network()
    go.set()
    older.join()
    assert heard == [False], "a thread from before still has the network"
    assert not opens(socket.AF_INET) and not opens(socket.AF_INET, socket.SOCK_DGRAM)
    assert not opens(socket.AF_INET6)
    assert opens(socket.AF_UNIX)
    ours, theirs = socket.socketpair()
    ours.sendall(b"x")
    assert theirs.recv(1) == b"x"
    ring = ctypes.CDLL(None, use_errno=True).syscall(425, 1, None)
    assert ring == -1 and ctypes.get_errno() == errno.ENOSYS, "io_uring opens sockets"
    child = subprocess.run([sys.executable, "-c", "import socket; socket.socket()"], stderr=-3)
    assert child.returncode == 1, "a child has the network"
    assert deny_network(), "a second time is harmless"
    print("fine")
"""


@enforced
def test_no_thread_and_no_child_can_open_an_internet_socket():
    """After `deny_network` only sockets that stay on the machine open, in every thread and child.

    It runs in a process of its own, for the filter never comes off again.
    """
    probe = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROBE)], capture_output=True, text=True, timeout=30
    )
    assert (probe.stdout.strip(), probe.stderr) == ("fine", "")


def test_other_systems_are_told(monkeypatch):
    """Where the system offers nothing, the answer is False and nothing is pretended."""
    from vcam.engine.no_network import deny_network

    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert deny_network() is False


@enforced
@pytest.mark.parametrize(
    ("driver", "device", "helped"), [(1, 0, True), (1, 1, False), (0, 0, False)]
)
def test_cuda_is_made_ready_before(tmp_path, monkeypatch, driver, device, helped):
    """Where NVIDIA's driver waits for its setuid helper, the helper runs while it still can.

    Afterwards no process gains rights any more, and CUDA would silently be missing.
    """
    from vcam.engine import process

    for name, exists in (("_NVIDIA_DRIVER", driver), ("_NVIDIA_CUDA_DEVICE", device)):
        monkeypatch.setattr(process, name, tmp_path / name)
        if exists:
            (tmp_path / name).touch()
    helper = tmp_path / "nvidia-modprobe"
    helper.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/called\n')
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    process.load_nvidia_module()
    called = tmp_path / "called"
    assert (called.read_text().strip() if called.exists() else None) == (
        "-u -c=0" if helped else None
    )
