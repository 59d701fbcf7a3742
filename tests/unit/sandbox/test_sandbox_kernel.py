"""Each restriction is tried in a forked child, since none can be taken back."""

import ctypes
import errno
import os
import platform
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mediakiln.sandbox import confine
from mediakiln.sandbox.kernel import landlock, libc, namespaces, seccomp

needs_landlock = pytest.mark.skipif(landlock.abi() == 0, reason="this kernel has no Landlock")
needs_filter = pytest.mark.skipif(
    platform.machine() not in seccomp._MACHINES, reason="no filter for this machine"
)


def in_child(action: Callable[[], int]) -> int:
    """The number an action gives in a child: 0, or an errno."""
    pid = os.fork()
    if pid == 0:
        code = 255
        try:
            code = action()
        except OSError as error:
            code = error.errno or 254
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def confined(scratch: Path, rules: list[tuple[Path, int]], action: Callable[[], object]) -> int:
    def run() -> int:
        libc.prctl(libc.PR_SET_NO_NEW_PRIVS, 1)
        landlock.restrict(rules, scratch)
        action()
        return 0

    return in_child(run)


def filtered(action: Callable[[], object]) -> int:
    def run() -> int:
        libc.prctl(libc.PR_SET_NO_NEW_PRIVS, 1)
        seccomp.restrict(seccomp.program(platform.machine()))
        action()
        return 0

    return in_child(run)


@needs_landlock
def test_only_what_is_granted_can_be_touched(tmp_path: Path) -> None:
    scratch, readable, secret = tmp_path / "scratch", tmp_path / "in", tmp_path / "secret"
    scratch.mkdir()
    readable.write_text("in")
    secret.write_text("secret")
    rules = [(readable, landlock.READ), (tmp_path / "missing", landlock.READ)]
    attempts: list[tuple[Callable[[], object], int]] = [
        (readable.read_text, 0),
        (lambda: (scratch / "x").write_text("x"), 0),
        ((scratch / "y").mkdir, 0),
        (secret.read_text, errno.EACCES),
        (lambda: readable.write_text("x"), errno.EACCES),
        (lambda: (tmp_path / "new").write_text("x"), errno.EACCES),
        (lambda: list(tmp_path.iterdir()), errno.EACCES),
        (lambda: secret.rename(scratch / "mine"), errno.EACCES),
        (lambda: (scratch / "link").hardlink_to(readable), errno.EXDEV),
        (lambda: os.mknod(scratch / "disk", 0o60600, os.makedev(8, 0)), errno.EACCES),
    ]
    for number, (action, expected) in enumerate(attempts):
        assert confined(scratch, rules, action) == expected, number


@needs_landlock
def test_a_link_out_of_the_folder_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "scratch").mkdir()
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "scratch/link").symlink_to(tmp_path / "secret")
    scratch = tmp_path / "scratch"
    assert confined(scratch, [], (scratch / "link").read_text) == errno.EACCES


@needs_filter
@pytest.mark.parametrize(
    ("name", "action", "expected"),
    [
        ("tcp", lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM), errno.EPERM),
        ("udp", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM), errno.EPERM),
        ("unix", lambda: socket.socket(socket.AF_UNIX), errno.EPERM),
        ("netlink", lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW), errno.EPERM),
        ("datagram pair", lambda: socket.socketpair(type=socket.SOCK_DGRAM), errno.EPERM),
        ("stream pair", socket.socketpair, 0),
        ("memfd", lambda: os.memfd_create("x"), errno.EPERM),
        ("user namespace", lambda: libc.unshare(namespaces.NEWUSER), errno.EPERM),
        ("clone3", lambda: namespaces.fork(namespaces.NEWUSER), errno.ENOSYS),
        ("undumpable", lambda: libc.prctl(4, 0), errno.EPERM),
        ("name", lambda: libc.prctl(15, ctypes.addressof(ctypes.create_string_buffer(b"n"))), 0),
        ("file", lambda: Path("/dev/null").read_bytes(), 0),
        ("program", lambda: subprocess.run([sys.executable, "-c", ""], check=True), 0),
    ],
)  # fmt: skip
def test_the_filter_refuses_what_no_operation_needs(
    name: str, action: Callable[[], object], expected: int
) -> None:
    assert filtered(action) == expected, name


@needs_filter
def test_a_file_s_mode_and_times_stay_whatever_a_job_does(tmp_path: Path) -> None:
    """Landlock guards neither, so a job could shut everybody out of any file of its user's."""
    file = tmp_path / "file"
    file.write_text("x")
    file.chmod(0o640)
    before = file.stat()
    with file.open() as opened:
        for change in (
            lambda: file.chmod(0),
            lambda: os.fchmod(opened.fileno(), 0),
            lambda: os.chown(file, 1, 1),
            lambda: os.utime(file, (0, 0)),
            lambda: shutil.copy2(__file__, tmp_path / "copy"),
            (tmp_path / "touched").touch,
            file.touch,
        ):
            assert filtered(change) == 0
    after = file.stat()
    assert (after.st_mode, after.st_uid, after.st_mtime_ns) == (
        before.st_mode,
        before.st_uid,
        before.st_mtime_ns,
    )
    assert (tmp_path / "touched").exists()
    for refused in (
        lambda: os.truncate(file, 0),
        lambda: os.setxattr(file, "user.x", b"x"),
    ):
        assert filtered(refused) == errno.EPERM


@needs_filter
def test_threads_still_start_behind_the_filter() -> None:
    code = "import threading; t = threading.Thread(target=print); t.start(); t.join()"
    assert filtered(lambda: subprocess.run([sys.executable, "-c", code], check=True)) == 0


@pytest.mark.parametrize("machine", sorted(seccomp._MACHINES))
def test_the_filter_is_whole_on_every_machine(machine: str) -> None:
    code = seccomp.program(machine)
    assert len(code) % 8 == 0
    steps = [code[at : at + 8] for at in range(0, len(code), 8)]
    for at, step in enumerate(steps):
        jump = step[0] in {seccomp._JUMP_EQ, seccomp._JUMP_GE, seccomp._JUMP_ANY}
        furthest = at + 1 + max(step[2], step[3]) if jump else at
        assert furthest < len(steps)
    assert steps[-1][0] == seccomp._RETURN


def test_an_unknown_machine_has_no_filter() -> None:
    with pytest.raises(OSError, match="pdp11"):
        seccomp.program("pdp11")


def test_a_refused_call_says_why() -> None:
    with pytest.raises(OSError) as caught:
        libc.syscall(-1)
    assert caught.value.errno == errno.ENOSYS


_FIRST = """
import ctypes, os
from mediakiln.sandbox.kernel import namespaces
reader, writer = os.pipe()
pid, pidfd = namespaces.fork(namespaces.usable())
if pid == 0:
    kept = ctypes.c_int.from_address(namespaces._tid_address()).value
    os.write(writer, f"{os.getpid()} {kept}".encode())
    os._exit(0)
os.waitpid(pid, 0)
print(os.read(reader, 100).decode())
"""


@pytest.mark.skipif(namespaces.usable() == 0, reason="process namespaces are not allowed here")
def test_a_child_in_a_process_namespace_is_the_first_process_and_knows_its_thread() -> None:
    """In a process of its own: this one has threads, whose locks a bare fork would keep shut."""
    done = subprocess.run(
        [sys.executable, "-c", _FIRST], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "1 1\n"


def test_a_system_folder_that_holds_the_scratch_folder_is_not_granted(tmp_path: Path) -> None:
    scratch = tmp_path / "data/scratch/1"
    scratch.mkdir(parents=True)
    kept, dropped = tmp_path / "venv", tmp_path
    rules = confine.rules_for([(dropped, 1), (kept, 1)], scratch, [Path("/in/x")])
    assert rules == [(kept, 1), (Path("/in/x"), landlock.READ)]


def test_no_rule_opens_a_home_or_the_root(tmp_path: Path) -> None:
    granted = {path for path, _ in confine.system_rules([tmp_path])}
    assert tmp_path.resolve() in granted
    assert not granted & {Path("/"), Path("/etc"), Path("/home"), Path.home(), Path("/proc")}
