"""Runs pytest as in a container that allows neither namespaces nor Landlock.

A system call filter answers for them as such a container, or an older kernel, would.
"""

import errno
import platform
import sys

import pytest

from mediakiln.sandbox.kernel import libc, seccomp

LANDLOCK_CREATE_RULESET = 444
CLONE3 = 435
UNSHARE = {"x86_64": 272, "aarch64": 97}


def refuse(*numbers: int) -> None:
    """From now on these calls do not exist, for this process and all it starts."""
    libc.prctl(libc.PR_SET_NO_NEW_PRIVS, 1)
    parts = [seccomp._op(seccomp._LOAD, seccomp._NUMBER)]
    for number in numbers:
        parts += [seccomp._op(seccomp._JUMP_EQ, number, 0, 1), seccomp._refuse(errno.ENOSYS)]
    seccomp.restrict(b"".join([*parts, seccomp._op(seccomp._RETURN, seccomp._ALLOW)]))


if __name__ == "__main__":
    refuse(LANDLOCK_CREATE_RULESET, CLONE3, UNSHARE[platform.machine()])
    sys.exit(pytest.main(sys.argv[1:]))
