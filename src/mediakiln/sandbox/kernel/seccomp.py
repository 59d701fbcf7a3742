"""A filter of system calls no media operation needs: what Landlock and namespaces leave open.

Unix sockets with a path, memory that is in no file and no mapping, kernel interfaces with a
history of holes. Landlock lets a process change the mode, owner, times and attributes of every
file of its user, wherever it lies: see landlock(7). The program is classic BPF over
`struct seccomp_data`; see seccomp(2).
"""

import ctypes
import errno
import socket
import struct

from mediakiln.sandbox.kernel import libc
from mediakiln.sandbox.kernel.namespaces import NEWIPC, NEWNET, NEWPID, NEWUSER

_SECCOMP_MODE_FILTER = 2
_LOAD, _JUMP_EQ, _JUMP_GE, _JUMP_ANY, _AND, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_NUMBER, _ARCH, _ARGUMENT_0, _ARGUMENT_1, _ARGUMENT_2 = 0, 4, 16, 24, 32
_X32_BIT = 0x40000000
_NEWNS, _NEWUTS, _NEWCGROUP = 0x00020000, 0x04000000, 0x02000000
_NAMESPACES = _NEWNS | _NEWUTS | _NEWCGROUP | NEWIPC | NEWUSER | NEWPID | NEWNET
_SOCKET_TYPE_MASK = 0xF
_PR_SET_DUMPABLE = 4

# Numbers from 424 on are the same everywhere: io_uring, the new mount calls, pidfd_getfd,
# memfd_secret, setxattrat, removexattrat.
_COMMON = (425, 426, 427, 428, 429, 430, 431, 432, 433, 438, 442, 447, 463, 466)
_FCHMODAT2 = 452
_CLONE3 = 435

_X86_64 = {
    "socket": 41, "connect": 42, "accept": 43, "bind": 49, "listen": 50, "accept4": 288,
    "ptrace": 101, "unshare": 272, "setns": 308, "mount": 165, "umount2": 166,
    "pivot_root": 155, "chroot": 161, "swapon": 167, "swapoff": 168, "reboot": 169,
    "acct": 163, "kexec_load": 246, "kexec_file_load": 320, "init_module": 175,
    "delete_module": 176, "finit_module": 313, "quotactl": 179, "add_key": 248,
    "request_key": 249, "keyctl": 250, "perf_event_open": 298, "name_to_handle_at": 303,
    "open_by_handle_at": 304, "process_vm_readv": 310, "process_vm_writev": 311, "kcmp": 312,
    "bpf": 321, "userfaultfd": 323, "memfd_create": 319, "shmget": 29, "semget": 64,
    "msgget": 68, "mq_open": 240, "iopl": 172, "ioperm": 173,
}  # fmt: skip
_AARCH64 = {
    "socket": 198, "connect": 203, "accept": 202, "bind": 200, "listen": 201, "accept4": 242,
    "ptrace": 117, "unshare": 97, "setns": 268, "mount": 40, "umount2": 39,
    "pivot_root": 41, "chroot": 51, "swapon": 224, "swapoff": 225, "reboot": 142,
    "acct": 89, "kexec_load": 104, "kexec_file_load": 294, "init_module": 105,
    "delete_module": 106, "finit_module": 273, "quotactl": 60, "add_key": 217,
    "request_key": 218, "keyctl": 219, "perf_event_open": 241, "name_to_handle_at": 264,
    "open_by_handle_at": 265, "process_vm_readv": 270, "process_vm_writev": 271, "kcmp": 272,
    "bpf": 280, "userfaultfd": 282, "memfd_create": 279, "shmget": 194, "semget": 190,
    "msgget": 186, "mq_open": 180,
}  # fmt: skip

# Of files that are named and not opened; the worker itself makes such calls.
_X86_64_FILES = {
    "truncate": 76, "utime": 132, "utimes": 235, "futimesat": 261,
    "setxattr": 188, "lsetxattr": 189, "fsetxattr": 190,
    "removexattr": 197, "lremovexattr": 198, "fremovexattr": 199,
}  # fmt: skip
_AARCH64_FILES = {
    "truncate": 45, "setxattr": 5, "lsetxattr": 6, "fsetxattr": 7,
    "removexattr": 14, "lremovexattr": 15, "fremovexattr": 16,
}  # fmt: skip

# Calls that seem to succeed and do nothing: programs that copy files with their mode and times
# give up where these fail, and no step's result depends on either.
_X86_64_IDLE = {
    "chmod": 90, "fchmod": 91, "fchmodat": 268, "chown": 92, "fchown": 93, "lchown": 94,
    "fchownat": 260,
}  # fmt: skip
_AARCH64_IDLE = {"fchmod": 52, "fchmodat": 53, "fchown": 55, "fchownat": 54}

# Machine to (audit architecture, denied and idle calls, numbers of clone, socketpair, prctl and
# utimensat).
_MACHINES = {
    "x86_64": (0xC000003E, _X86_64 | _X86_64_FILES, _X86_64_IDLE, 56, 53, 157, 280),
    "aarch64": (0xC00000B7, _AARCH64 | _AARCH64_FILES, _AARCH64_IDLE, 220, 199, 167, 88),
}


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_char_p)]


def _op(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def _refuse(code: int) -> bytes:
    return _op(_RETURN, _ERRNO | code)


def program(machine: str) -> bytes:
    """The filter for a machine, as `platform.machine()` names it.

    Raises:
        OSError: the numbers of its system calls are not known here.
    """
    if machine not in _MACHINES:
        raise OSError(errno.ENOSYS, f"no filter for {machine}")
    architecture, denied, idle, clone, socketpair, prctl, utimensat = _MACHINES[machine]
    allow = _op(_RETURN, _ALLOW)
    parts = [
        _op(_LOAD, _ARCH),
        _op(_JUMP_EQ, architecture, 1, 0),
        _refuse(errno.EPERM),
        _op(_LOAD, _NUMBER),
        _op(_JUMP_GE, _X32_BIT, 0, 1),
        _refuse(errno.EPERM),
    ]
    for number in sorted({*denied.values(), *_COMMON}):
        parts += [_op(_JUMP_EQ, number, 0, 1), _refuse(errno.EPERM)]
    for number in sorted({*idle.values(), _FCHMODAT2}):
        parts += [_op(_JUMP_EQ, number, 0, 1), _refuse(0)]
    # Setting given times seems to succeed, too. Setting the present one fails, and who wants a file
    # touched then opens it.
    parts += [_op(_JUMP_EQ, utimensat, 0, 6), _op(_LOAD, _ARGUMENT_2)]
    parts += [_op(_JUMP_EQ, 0, 0, 2), _op(_LOAD, _ARGUMENT_2 + 4), _op(_JUMP_EQ, 0, 1, 0)]
    parts += [_refuse(0), _refuse(errno.EPERM)]
    # The flags of clone3 are behind a pointer; without it the C library uses clone.
    parts += [_op(_JUMP_EQ, _CLONE3, 0, 1), _refuse(errno.ENOSYS)]
    parts += [_op(_JUMP_EQ, clone, 0, 4), _op(_LOAD, _ARGUMENT_0)]
    parts += [_op(_JUMP_ANY, _NAMESPACES, 0, 1), _refuse(errno.EPERM), allow]
    # A datagram pair could be pointed at any socket in the file system; a stream pair cannot.
    parts += [_op(_JUMP_EQ, socketpair, 0, 5), _op(_LOAD, _ARGUMENT_1)]
    parts += [_op(_AND, _SOCKET_TYPE_MASK), _op(_JUMP_EQ, socket.SOCK_STREAM, 1, 0)]
    parts += [_refuse(errno.EPERM), allow]
    # A process that hides from its parents could not be measured.
    parts += [_op(_JUMP_EQ, prctl, 0, 3), _op(_LOAD, _ARGUMENT_0)]
    parts += [_op(_JUMP_EQ, _PR_SET_DUMPABLE, 0, 1), _refuse(errno.EPERM)]
    return b"".join([*parts, allow])


def restrict(code: bytes) -> None:
    """Install a filter for this process and all it starts; `no_new_privs` must be set.

    Raises:
        OSError: the kernel has no such filters.
    """
    wanted = _Program(len(code) // 8, ctypes.c_char_p(code))
    libc.prctl(libc.PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(wanted))
