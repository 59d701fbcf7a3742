"""What a child gives up before it touches a file."""

import functools
import platform
import resource
import site
import sys
import sysconfig
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from mediakiln.ports.runner import Limits
from mediakiln.sandbox.kernel import landlock, libc, seccomp

MAX_PROCESSES = 512
"""Processes and threads of one job."""
_MIB = 1024 * 1024
_ADDRESS_SPACE_NET_MB = 4096
"""Mapped memory is mostly never touched, so this much more of it than of memory is let through."""
_CPU_GRACE_S = 5.0

_PROGRAMS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix/store", "/opt")
_READ_ONLY = (
    "/etc/fonts",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/mime.types",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/filesystems",
    "/proc/sys/vm/overcommit_memory",
    "/sys/devices/system/cpu",
    "/var/cache/fontconfig",
    "/dev/zero",
    "/dev/random",
    "/dev/urandom",
)


def system_rules(extra: Iterable[Path] = ()) -> list[tuple[Path, int]]:
    """What every job may read and run: system libraries, fonts, this Python, and `extra`."""
    python = {
        sys.prefix,
        sys.base_prefix,
        sys.exec_prefix,
        str(Path(sys.executable).resolve().parent),
    }
    python |= {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    python |= set(site.getsitepackages())
    # Not merged where one holds another: a job whose scratch folder lies in the outer one is
    # granted only the inner one.
    programs = sorted(_existing(Path(path) for path in {*_PROGRAMS, *python, *sys.path}))
    rules = [(path, landlock.RUN) for path in (*programs, *_existing(extra))]
    rules += [(path, landlock.READ) for path in _existing(Path(name) for name in _READ_ONLY)]
    return [*rules, (Path("/dev/null"), landlock.READ_FILE | landlock.WRITE_FILE)]


def _existing(paths: Iterable[Path]) -> set[Path]:
    return {path.resolve() for path in paths if path.is_absolute() and path.exists()}


def rules_for(
    system: Sequence[tuple[Path, int]], scratch: Path, readable: Iterable[Path]
) -> list[tuple[Path, int]]:
    """A job's rules. A system folder that holds the scratch folder holds its neighbours' too."""
    holders = {scratch, *scratch.resolve().parents}
    kept = [rule for rule in system if rule[0] not in holders]
    return [*kept, *((path, landlock.READ) for path in readable)]


def limit_resources(limits: Sequence[Limits], *, jobs: int = 1) -> None:
    """Set the kernel's own limits, for so many such jobs: a net below the runner's exact ones."""
    cpu = int(jobs * sum(each.cpu_s for each in limits) + _CPU_GRACE_S)
    memory = max(each.memory_mb for each in limits) + _ADDRESS_SPACE_NET_MB
    scratch = max(each.scratch_mb for each in limits)
    files = max(each.open_files for each in limits)
    for kind, value in (
        (resource.RLIMIT_CPU, cpu),
        (resource.RLIMIT_AS, memory * _MIB),
        (resource.RLIMIT_FSIZE, scratch * _MIB),
        (resource.RLIMIT_NOFILE, files),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, MAX_PROCESSES),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (allowed, allowed))


@functools.cache
def _filter() -> bytes:
    return seccomp.program(platform.machine())


def warm_up() -> None:
    """Build what every child needs once, before there are any."""
    with suppress(OSError):
        _filter()


def confine(rules: Sequence[tuple[Path, int]], scratch: Path) -> dict[str, str]:
    """Give up privileges, files and sockets for good.

    Returns:
        Each protection, and `active` or why it is not.
    """
    state = {"no new privileges": "active", "landlock": "active", "seccomp": "active"}
    libc.prctl(libc.PR_SET_NO_NEW_PRIVS, 1)
    libc.drop_capabilities()
    version = landlock.abi()
    if version == 0:
        state["landlock"] = "this kernel has no Landlock, or it is switched off"
    else:
        landlock.restrict(rules, scratch)
        state["landlock"] = f"active (ABI {version})"
    try:
        seccomp.restrict(_filter())
    except OSError as error:
        state["seccomp"] = f"refused: {error.strerror}"
    return state
