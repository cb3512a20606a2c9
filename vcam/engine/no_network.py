"""Takes the internet away from this process, before libraries that phone home are loaded.

MediaPipe looks up a usage logger's host while a landmarker lives, and offers no switch. On Linux a
seccomp filter ends that: from then on this process, its threads and its children can open no socket
but those that stay on the machine, and nothing takes the filter off again. On other systems vcam
has no such means.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
import sys
from typing import NamedTuple


class _Machine(NamedTuple):
    """Numbers of the kernel's interface, by processor (linux/audit.h, asm/unistd.h)."""

    audit_arch: int
    socket: int
    seccomp: int
    io_uring_setup: int


_MACHINES = {
    "x86_64": _Machine(0xC000003E, socket=41, seccomp=317, io_uring_setup=425),
    "aarch64": _Machine(0xC00000B7, socket=198, seccomp=277, io_uring_setup=425),
}
_LOCAL_FAMILIES = (1, 16)  # AF_UNIX, AF_NETLINK: neither leaves the machine
_X32 = 0x40000000  # a second numbering of x86_64's calls

# Classic BPF (linux/bpf_common.h) and seccomp's own numbers (linux/seccomp.h, linux/prctl.h).
_LOAD_WORD, _JUMP_EQUAL, _JUMP_NOT_LESS, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _FAIL = 0x7FFF0000, 0x00050000
_NUMBER, _ARCH, _ARGUMENT_0 = 0, 4, 16  # offsets in struct seccomp_data
_PR_SET_NO_NEW_PRIVS = 38
_SET_MODE_FILTER, _ALL_THREADS = 1, 1


def deny_network() -> bool:
    """Refuse internet sockets to every thread of this process, for good.

    Refused calls fail with EAFNOSUPPORT, as on a machine without that network.
    Returns: whether the system enforces it; False on anything but Linux on x86_64 and aarch64, and
        on a Linux that allows no filters.
    """
    machine = _MACHINES.get(platform.machine())
    if not sys.platform.startswith("linux") or machine is None:
        return False
    program = _filter(machine)
    code = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, *map(ctypes.c_ulong, (1, 0, 0, 0))) != 0:
        return False
    arguments = map(ctypes.c_long, (machine.seccomp, _SET_MODE_FILTER, _ALL_THREADS))
    return libc.syscall(*arguments, header) == 0


def _filter(machine: _Machine) -> bytes:
    """The filter's instructions.

    Refuses: sockets of any family that could leave the machine; io_uring, which opens sockets
    past this filter; and the calls of any other architecture, which number them differently.
    """
    refuse_socket = _step(_RETURN, _FAIL | errno.EAFNOSUPPORT)
    refuse = _step(_RETURN, _FAIL | errno.ENOSYS)
    allow = _step(_RETURN, _ALLOW)
    steps = [
        _step(_LOAD_WORD, _ARCH),
        _step(_JUMP_EQUAL, machine.audit_arch, yes=1),
        refuse,
        _step(_LOAD_WORD, _NUMBER),
        _step(_JUMP_NOT_LESS, _X32, no=1),
        refuse,
        _step(_JUMP_EQUAL, machine.io_uring_setup, no=1),
        refuse,
        _step(_JUMP_EQUAL, machine.socket, yes=1),
        allow,
        _step(_LOAD_WORD, _ARGUMENT_0),
    ]
    for family in _LOCAL_FAMILIES:
        steps += [_step(_JUMP_EQUAL, family, no=1), allow]
    return b"".join([*steps, refuse_socket])


def _step(code: int, value: int, *, yes: int = 0, no: int = 0) -> bytes:
    """One instruction; `yes` and `no` say how many of the next are skipped by a jump."""
    return struct.pack("HBBI", code, yes, no, value)
