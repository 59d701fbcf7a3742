"""`mediakiln up`: every role on this machine, and a new process for each one that dies.

The listening socket belongs to the supervisor, so requests wait instead of being refused
while the process that answers them is started again.
"""

import asyncio
import ctypes
import fcntl
import logging
import math
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mediakiln.model.errors import DataFolderInUse, EngineMisconfigured
from mediakiln.roles.service import wait_for_stop
from mediakiln.roles.settings import PREFIX, Settings

log = logging.getLogger(__name__)

JOBS_PER_PROCESS = 8
STOP_S = 25.0
_STEADY_S = 10.0
_MOST_PAUSE_S = 5.0
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Child:
    """A process to keep alive: `mediakiln run ROLE` with these settings."""

    name: str
    role: str
    environment: Mapping[str, str]
    fds: tuple[int, ...] = ()


class Supervisor:
    """Starts children, starts them again when they die, and ends them together."""

    def __init__(self, children: Sequence[Child]) -> None:
        self._children = children
        self.pids: dict[str, int] = {}

    async def run(self, stop: asyncio.Event) -> bool:
        """Supervise until told to stop; then SIGTERM, and after `STOP_S` SIGKILL.

        A child whose settings do not work would die again and again: it stops everything.

        Returns:
            Whether every child could use its settings.
        """
        async with asyncio.TaskGroup() as group:
            kept = [group.create_task(self._keep(child, stop)) for child in self._children]
        return all(task.result() for task in kept)

    async def _keep(self, child: Child, stop: asyncio.Event) -> bool:
        loop = asyncio.get_running_loop()
        pause = 0.1
        while not stop.is_set():
            started = loop.time()
            try:
                process = await self._start(child)
            except OSError as error:  # no memory or no process to be had now
                log.error("%s cannot be started: %s", child.name, error, extra={"role": child.role})  # noqa: TRY400 - the reason says it
                pause = min(_MOST_PAUSE_S, pause * 2)
                await wait_for_stop(stop, pause)
                continue
            exited = asyncio.create_task(process.wait())
            await _first_of(exited, stop)
            if stop.is_set():
                await _end(process, exited)
                break
            if process.returncode == os.EX_CONFIG:
                stop.set()
                return False
            pause = 0.1 if loop.time() - started > _STEADY_S else min(_MOST_PAUSE_S, pause * 2)
            log.error(
                "%s died (exit %s), starting it again",
                child.name,
                process.returncode,
                extra={"role": child.role, "pid": process.pid},
            )
            await wait_for_stop(stop, pause)
        return True

    async def _start(self, child: Child) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "mediakiln",
            "run",
            child.role,
            env={**os.environ, **child.environment},
            pass_fds=child.fds,
            stdin=asyncio.subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )
        self.pids[child.name] = process.pid
        return process


async def _first_of(task: "asyncio.Task[int]", stop: asyncio.Event) -> None:
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([task, stopping], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()


async def _end(process: asyncio.subprocess.Process, exited: "asyncio.Task[int]") -> None:
    if process.returncode is None:
        process.terminate()
    done, _ = await asyncio.wait([exited], timeout=STOP_S)
    if not done:
        process.kill()
        await exited


def _die_with_parent() -> None:
    """A child whose supervisor was killed gets SIGTERM from the kernel (Linux)."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def children_of(
    settings: Settings, listener: socket.socket, environment: Mapping[str, str]
) -> list[Child]:
    """The core with the listening socket, and enough worker processes for all jobs."""
    common = {f"{PREFIX}{key.upper()}": value for key, value in _overrides(settings).items()}
    common |= environment
    fd = listener.fileno()
    host, port = listener.getsockname()[:2]
    core = {f"{PREFIX}LISTEN_FD": str(fd), f"{PREFIX}HOST": str(host), f"{PREFIX}PORT": str(port)}
    children = [Child("core", "core", {**common, **core}, (fd,))]
    processes = math.ceil(settings.workers / JOBS_PER_PROCESS)
    for number in range(processes):
        jobs = settings.workers // processes + (number < settings.workers % processes)
        own = {**common, f"{PREFIX}WORKERS": str(jobs)}
        children.append(Child(f"worker {number + 1}", "process", own))
    return children


@contextmanager
def shared_metrics() -> Iterator[Mapping[str, str]]:
    """A folder in which the children's metrics add up; what tells the children of it.

    In memory where there is such a place, and never on the store's disk: the files are mapped,
    and a full disk would end whoever writes to one.
    """
    memory = Path("/dev/shm")  # noqa: S108 - mkdtemp makes a private folder in it
    place = memory if os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="mediakiln-metrics-", dir=place) as folder:
        yield {f"{PREFIX}METRICS_DIR": folder, "PROMETHEUS_MULTIPROC_DIR": folder}


def _overrides(settings: Settings) -> dict[str, str]:
    """What the command line set: children learn it through their environment."""
    given = {name: getattr(settings, name) for name in settings.model_fields_set}
    plain = {
        name: str(int(value) if isinstance(value, bool) else value)
        for name, value in given.items()
        if isinstance(value, str | int | float | Path)
    }
    return plain | {"data": str(settings.data.resolve())}


def listen(settings: Settings) -> socket.socket:
    """The listening socket.

    Raises:
        EngineMisconfigured: the port is taken or the address is not ours.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        raise EngineMisconfigured(
            f"cannot listen on {settings.host}:{settings.port}: {error.strerror}",
            hint="choose another with --port, or --port 0 for any free one",
        ) from error
    listener.set_inheritable(True)
    return listener


def lock_data(folder: Path) -> int:
    """Take the data folder, which is there, for this `up`; the lock ends with the process.

    Raises:
        DataFolderInUse: another `up` runs on it.
    """
    handle = os.open(folder / "up.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(handle, 32, 0).decode(errors="replace").strip()
        os.close(handle)
        raise DataFolderInUse(
            f"another mediakiln (process {holder}) runs on {folder}",
            hint="stop it, or give this one another folder with --data",
        ) from None
    os.ftruncate(handle, 0)
    os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
    return handle
