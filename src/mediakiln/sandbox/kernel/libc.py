"""The few C library calls that Python has no function for.

`PyDLL` keeps the interpreter lock during a call: these calls are short, and one of them forks.
"""

import ctypes
import os
import struct
from typing import Any

_LIBC = ctypes.PyDLL(None, use_errno=True)
_LIBC.syscall.restype = ctypes.c_long
_LIBC.prctl.argtypes = [ctypes.c_int] + [ctypes.c_ulong] * 4

PR_SET_PDEATHSIG = 1
PR_SET_SECCOMP = 22
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
PR_GET_TID_ADDRESS = 40

_CAPABILITY_VERSION_3 = 0x20080522


def syscall(number: int, *arguments: Any) -> int:
    """Make a system call with integer or pointer arguments.

    Raises:
        OSError: the call failed; `errno` says why.
    """
    words = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    result = int(_LIBC.syscall(ctypes.c_long(number), *words))
    if result < 0:
        _fail()
    return result


def prctl(option: int, first: int = 0, second: int = 0, third: int = 0, fourth: int = 0) -> int:
    """Ask the kernel to treat this process otherwise; the options are in its manual page.

    Raises:
        OSError: the kernel refused.
    """
    result = int(_LIBC.prctl(option, first, second, third, fourth))
    if result < 0:
        _fail()
    return result


def unshare(flags: int) -> None:
    """Leave namespaces for new ones; the flags are those of clone(2).

    Raises:
        OSError: the kernel, or the container this runs in, does not allow it.
    """
    if _LIBC.unshare(ctypes.c_int(flags)) != 0:
        _fail()


def drop_capabilities() -> None:
    """Give up every capability; see capset(2).

    Raises:
        OSError: the kernel refused.
    """
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    nothing = bytes(2 * 3 * 4)  # effective, permitted and inheritable, in two 32-bit halves
    if _LIBC.capset(ctypes.c_char_p(header), ctypes.c_char_p(nothing)) != 0:
        _fail()


def _fail() -> None:
    code = ctypes.get_errno()
    raise OSError(code, os.strerror(code))
