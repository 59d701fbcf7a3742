"""Landlock: a process gives up, for ever, every file and port it is not granted here.

Constants and structures are those of the kernel's `linux/landlock.h`; see landlock(7).
"""

import ctypes
import os
import struct
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from mediakiln.sandbox.kernel import libc

_SYS_CREATE_RULESET = 444
_SYS_ADD_RULE = 445
_SYS_RESTRICT_SELF = 446
_VERSION = 1
_PATH_BENEATH = 1

EXECUTE = 1 << 0
WRITE_FILE = 1 << 1
READ_FILE = 1 << 2
READ_DIR = 1 << 3
_MAKE_CHAR = 1 << 6
_MAKE_BLOCK = 1 << 11
_REFER = 1 << 13
_TRUNCATE = 1 << 14
_IOCTL_DEV = 1 << 15
_ALL_OF_ABI_1 = (1 << 13) - 1
_TCP = 0b11
_SCOPE_ALL = 0b11

_ABI_REFER, _ABI_TRUNCATE, _ABI_TCP, _ABI_IOCTL, _ABI_SCOPE = 2, 3, 4, 5, 6

READ = READ_FILE | READ_DIR
RUN = READ | EXECUTE
_FILE_RIGHTS = EXECUTE | WRITE_FILE | READ_FILE | _TRUNCATE | _IOCTL_DEV


def abi() -> int:
    """The kernel's Landlock version; 0 where it has none or it is switched off."""
    try:
        return libc.syscall(_SYS_CREATE_RULESET, 0, 0, _VERSION)
    except OSError:
        return 0


def _handled(version: int) -> int:
    rights = _ALL_OF_ABI_1
    for needed, right in (
        (_ABI_REFER, _REFER),
        (_ABI_TRUNCATE, _TRUNCATE),
        (_ABI_IOCTL, _IOCTL_DEV),
    ):
        if version >= needed:
            rights |= right
    return rights


def restrict(rules: Iterable[tuple[Path, int]], writable: Path) -> None:
    """Keep only `rules` (path and rights on all beneath it) and everything under `writable`.

    Paths that do not exist are passed over. TCP, abstract sockets and signals to processes
    outside are denied where the kernel can. `no_new_privs` must be set before.

    Raises:
        OSError: the kernel refused; nothing is restricted.
    """
    version = abi()
    handled = _handled(version)
    # struct landlock_ruleset_attr: files, network, scope; older kernels know only its beginning.
    attributes = struct.pack("=Q", handled)
    attributes += struct.pack("=Q", _TCP) if version >= _ABI_TCP else b""
    attributes += struct.pack("=Q", _SCOPE_ALL) if version >= _ABI_SCOPE else b""
    ruleset = libc.syscall(_SYS_CREATE_RULESET, ctypes.c_char_p(attributes), len(attributes), 0)
    try:
        # Device nodes are the one thing no job has a use for, even in its own folder.
        _allow(ruleset, writable, handled & ~(_MAKE_CHAR | _MAKE_BLOCK))
        for path, rights in rules:
            with suppress(FileNotFoundError, NotADirectoryError):
                _allow(ruleset, path, rights & handled)
        libc.syscall(_SYS_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: Path, rights: int) -> None:
    fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not path.is_dir():
            rights &= _FILE_RIGHTS
        rule = struct.pack("=Qi", rights, fd)  # struct landlock_path_beneath_attr, packed
        libc.syscall(_SYS_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.c_char_p(rule), 0)
    finally:
        os.close(fd)
