"""Takes the internet away from a worker, before it loads MediaPipe.

MediaPipe looks up a usage logger's host while a landmarker lives, and offers no switch. The product
stops that with a filter of its own (`vcam.engine.no_network`); models know nothing of the product,
so this is the same idea once more, in its smallest form: on Linux no socket of a family that could
leave the machine opens any more, in this process and its children. Elsewhere nothing is enforced,
and docs/training.md says so.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
import sys

# By processor: number in linux/audit.h, and of socket, seccomp and io_uring_setup (asm/unistd.h).
_CALLS = {"x86_64": (0xC000003E, 41, 317, 425), "aarch64": (0xC00000B7, 198, 277, 425)}
_AF_UNIX, _AF_NETLINK = 1, 16
_PR_SET_NO_NEW_PRIVS, _SET_MODE_FILTER, _ALL_THREADS = 38, 1, 1
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06  # linux/bpf_common.h
_ALLOW, _FAIL = 0x7FFF0000, 0x00050000  # linux/seccomp.h


def go_offline() -> bool:
    """Refuse internet sockets to this process for good; False where the system cannot."""
    calls = _CALLS.get(platform.machine())
    if not sys.platform.startswith("linux") or calls is None:
        return False
    code = _filter(*calls)
    buffer = ctypes.create_string_buffer(code, len(code))
    header = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, *map(ctypes.c_ulong, (1, 0, 0, 0))) != 0:
        return False
    arguments = map(ctypes.c_long, (calls[2], _SET_MODE_FILTER, _ALL_THREADS))
    return libc.syscall(*arguments, header) == 0


def _filter(architecture: int, socket: int, _seccomp: int, io_uring_setup: int) -> bytes:
    """Instructions of (code, jump if so, jump if not, operand); jumps count from the next one."""
    steps = [
        (_LOAD, 0, 0, 4),  # the architecture; another one numbers its calls differently
        (_EQUAL, 0, 9, architecture),  # -> refuse
        (_LOAD, 0, 0, 0),  # the call's number
        (_AT_LEAST, 7, 0, 0x40000000),  # x86_64's second numbering -> refuse
        (_EQUAL, 6, 0, io_uring_setup),  # it opens sockets past this filter -> refuse
        (_EQUAL, 0, 3, socket),  # -> allow
        (_LOAD, 0, 0, 16),  # the socket's family
        (_EQUAL, 1, 0, _AF_UNIX),  # -> allow
        (_EQUAL, 0, 1, _AF_NETLINK),  # -> refuse the family
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _FAIL | errno.EAFNOSUPPORT),  # as on a machine without that network
        (_RETURN, 0, 0, _FAIL | errno.ENOSYS),
    ]
    return b"".join(struct.pack("HBBI", *step) for step in steps)
