"""The runner's end of a zygote: starts it, asks it for children, hears how they ended."""

import asyncio
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from mediakiln.model.errors import Crashed, EngineMisconfigured, EngineUnavailable
from mediakiln.ports.operation import ENTRY_POINT_GROUP
from mediakiln.sandbox import wire

_log = logging.getLogger("mediakiln.sandbox")
_START_S = 60.0
_CLOSE_S = 5.0
_SPAWN_S = 120.0
_RETRY_SEND_S = 0.005

# A child lives for one job, so giving memory back early only costs page faults: large blocks
# stay in the heap, which grows in big steps on huge pages. Two arenas bound fragmentation.
_MALLOC = ":".join(
    f"glibc.malloc.{name}"
    for name in (
        "arena_max=2",
        "hugetlb=1",
        "top_pad=16777216",
        "mmap_threshold=1073741824",
        "trim_threshold=1073741824",
    )
)
_ENVIRONMENT = {
    "GLIBC_TUNABLES": _MALLOC,
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "HOME": "/nonexistent",
    "OMP_NUM_THREADS": "1",
    "OMP_THREAD_LIMIT": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONUTF8": "1",
    "VIPS_BLOCK_UNTRUSTED": "1",
    "VIPS_CONCURRENCY": "1",
}


class ZygoteLost(Crashed):
    """The zygote ended."""


@dataclass(frozen=True, slots=True)
class Exit:
    """How a child ended: its wait status (None: nobody could say) and processor seconds."""

    status: int | None = None
    cpu_s: float = 0.0


@dataclass(slots=True)
class Child:
    """A child of the zygote. The descriptor names it for sure, even after its number is reused."""

    pid: int
    pidfd: int
    ended: "asyncio.Future[Exit]"

    def kill(self) -> None:
        """End it and, with it, all that it started."""
        if self.pidfd >= 0:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)

    def release(self) -> None:
        """Close the descriptor."""
        if self.pidfd >= 0:
            os.close(self.pidfd)
            self.pidfd = -1


@dataclass(frozen=True, slots=True)
class ZygoteConfig:
    """What a zygote is started with."""

    operations: tuple[str, ...] = ()
    preload: tuple[str, ...] = ()
    readable: tuple[Path, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    def argument(self) -> str:
        """As the zygote reads it from its command line."""
        return json.dumps(
            {
                "operations": self.operations,
                "preload": self.preload,
                "readable": [str(path) for path in self.readable],
                "parent": os.getpid(),
            }
        )

    def variables(self) -> dict[str, str]:
        """The zygote's whole environment: nothing of the worker's own is passed on."""
        programs = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
        modules = {"PYTHONPATH": os.pathsep.join(_module_folders())}
        return {"PATH": programs} | modules | _ENVIRONMENT | dict(self.environment)


def _module_folders() -> list[str]:
    """Where mediakiln lies, and each distribution that offers operations."""
    offered = (entry.dist for entry in entry_points(group=ENTRY_POINT_GROUP))
    others = [Path(str(dist.locate_file(""))).absolute() for dist in offered if dist is not None]
    return list(dict.fromkeys(map(str, [Path(__file__).parents[2], *others])))


class Link:
    """A running zygote. `Link.start` makes one; a lost one is not used again."""

    def __init__(self, control: socket.socket, process: asyncio.subprocess.Process) -> None:
        self._control = control
        self._process = process
        self._next = 0
        self._starting: dict[int, asyncio.Future[Child]] = {}
        self._running: dict[int, Child] = {}
        self._ready: asyncio.Future[dict[str, str]] = asyncio.get_running_loop().create_future()
        self.lost = False
        self.protections: dict[str, str] = {}

    @classmethod
    async def start(cls, config: ZygoteConfig) -> "Link":
        """Start a zygote and wait until it can fork.

        Raises:
            EngineMisconfigured: it cannot start; the message says why.
            EngineUnavailable: it was ended while it started, so another may do better.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            try:
                process = await _launch(config, theirs)
            except BaseException:
                ours.close()
                raise
        ours.setblocking(False)  # noqa: FBT003 - the standard library's signature
        link = cls(ours, process)
        asyncio.get_running_loop().add_reader(ours, link._readable)
        try:
            link.protections = await asyncio.wait_for(link._ready, _START_S)
        except EngineMisconfigured:
            await link.close()
            raise
        except (ZygoteLost, TimeoutError) as error:
            await link.close()
            raise EngineUnavailable(f"the sandbox died while it started: {error}") from None
        except asyncio.CancelledError:
            await asyncio.shield(link.close())
            raise
        return link

    @property
    def pid(self) -> int:
        """The zygote's process id."""
        return self._process.pid

    async def spawn(self, operations: Sequence[str], connection: socket.socket) -> Child:
        """Fork a child that talks through `connection`, with these operations' imports done.

        Raises:
            ZygoteLost: the zygote ended; another one may be started.
            Crashed: it could not fork.
        """
        if self.lost:
            raise ZygoteLost
        self._next += 1
        job = self._next
        request = json.dumps({"job": job, "operations": list(operations)}).encode()
        started: asyncio.Future[Child] = asyncio.get_running_loop().create_future()
        self._starting[job] = started
        try:
            await self._send(request, connection)
            return await asyncio.wait_for(started, _SPAWN_S)
        except TimeoutError:
            self._process.kill()  # an import hangs in it; its other children end with it
            raise Crashed(
                f"the zygote did not fork within {_SPAWN_S:g} s", limit=_SPAWN_S
            ) from None
        except asyncio.CancelledError:
            started.cancel()
            raise

    async def _send(self, request: bytes, connection: socket.socket) -> None:
        while not self.lost:
            try:
                socket.send_fds(self._control, [request], [connection.fileno()])
            except BlockingIOError:
                await asyncio.sleep(_RETRY_SEND_S)  # the zygote is importing; its queue is full
            except OSError:
                self._lose("it closed its socket")
            else:
                return

    def _readable(self) -> None:
        try:
            data, fds, _, _ = socket.recv_fds(
                self._control, wire.MAX_CONTROL_BYTES, 1, socket.MSG_CMSG_CLOEXEC
            )
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(str(error))
            return
        if data:
            self._handle(json.loads(data), fds)
        else:
            self._lose("it died")

    def _handle(self, message: dict[str, Any], fds: Sequence[int]) -> None:
        match message:
            case {"log": text, "level": level}:
                _log.log(level, "%s", text)
            case {"ready": protections}:
                self._ready.set_result(protections)
            case {"failed": reason}:
                _fail(self._ready, EngineMisconfigured(f"the sandbox cannot start: {reason}"))
                self._lose(reason)
            case {"job": job, "pid": pid}:
                self._born(job, pid, fds[0])
            case {"job": job, "refused": reason}:
                _fail(self._starting.pop(job), Crashed(reason))
            case {"job": job, "status": status, "cpu_s": cpu_s}:
                self._running.pop(job).ended.set_result(Exit(status, cpu_s))

    def _born(self, job: int, pid: int, pidfd: int) -> None:
        child = Child(pid, pidfd, asyncio.get_running_loop().create_future())
        self._running[job] = child
        waiting = self._starting.pop(job)
        if waiting.cancelled():
            child.kill()
            child.release()
        else:
            waiting.set_result(child)

    def _lose(self, reason: str) -> None:
        """The zygote is gone: its children die with it, and nobody will say how."""
        if self.lost:
            return
        self.lost = True
        asyncio.get_running_loop().remove_reader(self._control)
        self._control.close()
        for child in self._running.values():
            child.kill()
            child.ended.set_result(Exit())
        for waiting in self._starting.values():
            _fail(waiting, ZygoteLost(reason))
        _fail(self._ready, ZygoteLost(reason))
        self._running.clear()
        self._starting.clear()

    async def close(self) -> None:
        """End the zygote and every child, and wait for it."""
        self._lose("the runner was closed")
        try:
            await asyncio.wait_for(self._process.wait(), _CLOSE_S)
        except TimeoutError:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()


async def _launch(config: ZygoteConfig, control: socket.socket) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "mediakiln.sandbox.zygote"),
        *(str(control.fileno()), config.argument()),
        pass_fds=(control.fileno(),),
        env=config.variables(),
        stdin=asyncio.subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )


def _fail(future: "asyncio.Future[Any]", error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
        future.exception()  # read here, so that one nobody waits for is not complained about
