"""Run a command under the filter of system calls that a container would have.

    python -m support.container default COMMAND...      as Docker's own profile treats namespaces
    python -m support.container PROFILE.json COMMAND... a profile that denies calls by name

Only the part that matters to the sandbox is filtered: what else Docker refuses, it never asks for.
"""

import errno
import json
import os
import platform
import sys
from pathlib import Path

from mediakiln.sandbox.kernel import libc, seccomp

NEW = {
    "io_uring_setup": 425,
    "io_uring_enter": 426,
    "io_uring_register": 427,
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "fsconfig": 431,
    "fsmount": 432,
    "fspick": 433,
    "pidfd_getfd": 438,
    "mount_setattr": 442,
    "memfd_secret": 447,
}
"""Calls whose numbers are the same on every machine."""
NAMES = {"x86_64": seccomp._X86_64, "aarch64": seccomp._AARCH64}
CLONE = {"x86_64": 56, "aarch64": 220}


def numbers() -> dict[str, int]:
    """The calls that are known here by name."""
    return NAMES[platform.machine()] | NEW


def denying(denied: dict[int, int], *, namespaces: bool) -> bytes:
    """A filter: error by call; without `namespaces`, clone cannot make new ones either."""
    parts = [seccomp._op(seccomp._LOAD, seccomp._NUMBER)]
    for number, code in denied.items():
        parts += [seccomp._op(seccomp._JUMP_EQ, number, 0, 1), seccomp._refuse(code)]
    allow = seccomp._op(seccomp._RETURN, seccomp._ALLOW)
    if not namespaces:
        clone = CLONE[platform.machine()]
        parts += [seccomp._op(seccomp._JUMP_EQ, clone, 0, 4)]
        parts += [seccomp._op(seccomp._LOAD, seccomp._ARGUMENT_0)]
        parts += [seccomp._op(seccomp._JUMP_ANY, seccomp._NAMESPACES, 0, 1)]
        parts += [seccomp._refuse(errno.EPERM), allow]
    return b"".join([*parts, allow])


def profile(name: str) -> bytes:
    """The filter of a profile."""
    known = numbers()
    if name == "default":
        denied = {seccomp._CLONE3: errno.ENOSYS}
        denied |= {known[call]: errno.EPERM for call in ("unshare", "setns", "mount", "umount2")}
        return denying(denied, namespaces=False)
    loaded = json.loads(Path(name).read_text())
    assert loaded["defaultAction"] == "SCMP_ACT_ALLOW"
    refused: dict[int, int] = {}
    for rule in loaded["syscalls"]:
        assert rule["action"] == "SCMP_ACT_ERRNO"
        refused |= {known[call]: rule["errnoRet"] for call in rule["names"] if call in known}
    return denying(refused, namespaces=True)


if __name__ == "__main__":
    libc.prctl(libc.PR_SET_NO_NEW_PRIVS, 1)
    seccomp.restrict(profile(sys.argv[1]))
    if os.geteuid() == 0:
        libc.drop_capabilities()
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 - the filter is for what comes after
