"""Forking into new namespaces, and the zygote's own namespaces.

A job is the first process of its own process namespace, so ending it ends every program it
started, whatever those did to hide. See clone(2), user_namespaces(7), pid_namespaces(7).
"""

import ctypes
import functools
import os
import signal
from contextlib import suppress
from pathlib import Path

from mediakiln.sandbox.kernel import libc

NEWIPC = 0x08000000
NEWUSER = 0x10000000
NEWPID = 0x20000000
NEWNET = 0x40000000

_CLONE_PIDFD = 0x00001000
_CLONE_CHILD_CLEARTID = 0x00200000
_CLONE_CHILD_SETTID = 0x01000000
_SYS_CLONE3 = 435


class _CloneArgs(ctypes.Structure):
    """`struct clone_args` in its first published size (64 bytes)."""

    _fields_ = [
        (name, ctypes.c_uint64)
        for name in (
            "flags",
            "pidfd",
            "child_tid",
            "parent_tid",
            "exit_signal",
            "stack",
            "stack_size",
            "tls",
        )
    ]


@functools.cache
def _tid_address() -> int:
    """Where the C library keeps the main thread's id, so that a child can be told its own."""
    address = ctypes.c_uint64()
    libc.prctl(libc.PR_GET_TID_ADDRESS, ctypes.addressof(address))
    return address.value


def fork(namespaces: int) -> tuple[int, int]:
    """Fork a single-threaded process; the child is in the given new namespaces.

    Does what `os.fork` does around the system call, which has no way to pass flags.

    Returns:
        (pid, pidfd) in the parent; (0, -1) in the child.

    Raises:
        OSError: the kernel refused; there is no child.
    """
    if not namespaces:
        pid = os.fork()
        return (pid, os.pidfd_open(pid)) if pid else (0, -1)
    pidfd = ctypes.c_int(-1)
    flags = namespaces | _CLONE_PIDFD | _CLONE_CHILD_SETTID | _CLONE_CHILD_CLEARTID
    arguments = _CloneArgs(
        flags=flags,
        pidfd=ctypes.addressof(pidfd),
        child_tid=_tid_address(),
        exit_signal=signal.SIGCHLD,
    )
    pid = -1
    ctypes.pythonapi.PyOS_BeforeFork()
    try:
        pid = libc.syscall(_SYS_CLONE3, ctypes.byref(arguments), ctypes.sizeof(arguments))
    finally:
        if pid == 0:
            ctypes.pythonapi.PyOS_AfterFork_Child()
        else:
            ctypes.pythonapi.PyOS_AfterFork_Parent()
    return (pid, pidfd.value) if pid else (0, -1)


def leave_network() -> str | None:
    """Move this process and its future children to a network without interfaces.

    The loopback device of the new network is down, so nothing at all can be reached. Without
    privileges it takes a user namespace, in which this process keeps its own user id.

    Returns:
        None if it worked, else why not.
    """
    uid, gid = os.geteuid(), os.getegid()
    try:
        libc.unshare(NEWUSER | NEWNET)
    except OSError as error:
        return _leave_as_root(error)
    proc = Path("/proc/self")
    # Without the maps a child cannot have a user namespace of its own, and that is all.
    with suppress(OSError):
        (proc / "setgroups").write_text("deny")
        (proc / "uid_map").write_text(f"{uid} {uid} 1")
        (proc / "gid_map").write_text(f"{gid} {gid} 1")
    return None


def _leave_as_root(first: OSError) -> str | None:
    try:
        libc.unshare(NEWNET)
    except OSError:
        return f"user namespaces are not allowed here ({first.strerror})"
    return None


def usable() -> int:
    """The namespaces that a job's child can be given here; 0 if none."""
    for flags in (NEWUSER | NEWPID | NEWIPC, NEWPID | NEWIPC):
        try:
            pid, pidfd = fork(flags)
        except OSError:
            continue
        if pid == 0:
            os._exit(0)
        os.close(pidfd)
        os.waitpid(pid, 0)
        return flags
    return 0
