"""The zygote: a process with one thread and the imports done, which forks a child per job.

Started by the runner as `python -m mediakiln.sandbox.zygote`, with one end of a packet socket.
A request `{"job", "operations"}` comes with the job's own socket; the answer `{"job", "pid"}`
brings a pidfd of the child. `{"job", "status", "cpu_s"}` follows when the child has ended, and
`{"log"}` at any time. The end of the socket is the end of the zygote and all its children.
"""

import argparse
import gc
import json
import logging
import os
import selectors
import signal
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mediakiln.sandbox import child, confine, probe, wire
from mediakiln.sandbox.kernel import libc, namespaces
from mediakiln.sandbox.warm import Warmth

_OOM_SCORE = 500
"""Where memory runs out, the kernel ends a child rather than the worker."""


@dataclass(frozen=True, slots=True)
class _Child:
    job: int
    pid: int
    pidfd: int


class _ToRunner(logging.Handler):
    """Sends log records to the runner, whose logging is configured."""

    def __init__(self, control: socket.socket) -> None:
        super().__init__(logging.INFO)
        self._control = control

    def emit(self, record: logging.LogRecord) -> None:
        entry = {"log": record.getMessage()[:2000], "level": record.levelno}
        with suppress(OSError):
            self._control.send(json.dumps(entry).encode())


class Zygote:
    """Forks a child per request, and tells how each ended."""

    def __init__(
        self, control: socket.socket, warmth: Warmth, *, readable: list[Path], flags: int
    ) -> None:
        self._control = control
        self._warmth = warmth
        self._flags = flags
        self._system = confine.system_rules(readable)
        self._children: dict[int, _Child] = {}
        self._selector = selectors.DefaultSelector()
        self._liveness, self._never_closed = os.pipe()

    def serve(self) -> None:
        """Answer requests until the runner closes its end, then end every child."""
        self._selector.register(self._control, selectors.EVENT_READ)
        try:
            while True:
                for key, _ in self._selector.select():
                    if key.fileobj is not self._control:
                        self._reap(key.data)
                    elif not self._receive():
                        return
        finally:
            for each in self._children.values():
                _end(each.pid)
            self._children.clear()
            self._adopted()

    def _receive(self) -> bool:
        try:
            data, fds, _, _ = socket.recv_fds(
                self._control, wire.MAX_CONTROL_BYTES, 1, socket.MSG_CMSG_CLOEXEC
            )
        except ConnectionResetError:
            return False
        if not data:
            return False
        request = json.loads(data)
        with socket.socket(fileno=fds[0]) as connection:
            self._warmth.prepare(request["operations"])
            self._spawn(request["job"], connection)
        return True

    def _spawn(self, job: int, connection: socket.socket) -> None:
        try:
            pid, pidfd = namespaces.fork(self._flags)
        except OSError as error:
            self._tell({"job": job, "refused": f"cannot fork: {error.strerror}"})
            return
        if pid == 0:
            self._become(connection)
        self._tell({"job": job, "pid": pid}, pidfd)
        self._children[pidfd] = _Child(job, pid, pidfd)
        self._selector.register(pidfd, selectors.EVENT_READ, self._children[pidfd])

    def _become(self, connection: socket.socket) -> None:
        """Live as the child; does not return."""
        status = 1
        try:
            self._selector.close()
            self._control.close()
            os.close(self._never_closed)
            for sibling in self._children:
                os.close(sibling)
            logging.getLogger().handlers.clear()
            os.setsid()
            child.die_with_parent(self._liveness)
            child.live(connection, self._warmth, self._system)
            status = 0
        except (EOFError, BrokenPipeError, ConnectionResetError):
            status = 0  # nobody is left to report to
        except BaseException:
            logging.getLogger("mediakiln.sandbox").exception("the child failed")
        finally:
            os._exit(status)

    def _reap(self, ended: _Child) -> None:
        self._selector.unregister(ended.pidfd)
        del self._children[ended.pidfd]
        os.close(ended.pidfd)
        # The group's leader is not reaped yet, so its number cannot name anybody else.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(ended.pid, signal.SIGKILL)
        _, status, usage = os.wait4(ended.pid, 0)
        self._adopted()
        self._tell({"job": ended.job, "status": status, "cpu_s": usage.ru_utime + usage.ru_stime})

    def _adopted(self) -> None:
        """End what a job left behind; only without process namespaces is there anything."""
        if self._flags:
            return
        jobs = {each.pid for each in self._children.values()}
        while strays := [pid for pid in _children_of_self() if pid not in jobs]:
            for pid in strays:
                _end(pid)

    def _tell(self, message: Mapping[str, Any], *fds: int) -> None:
        with suppress(BrokenPipeError, ConnectionResetError):
            socket.send_fds(self._control, [json.dumps(message).encode()], fds)


def _children_of_self() -> list[int]:
    return [
        int(pid)
        for pid in Path("/proc/self/task", str(os.getpid()), "children").read_text().split()
    ]


def _end(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    with suppress(ChildProcessError):
        os.waitpid(pid, 0)


def _prepare(control: socket.socket, config: Mapping[str, Any]) -> Zygote:
    """Leave the network, import, and find out what protects the jobs here."""
    network = namespaces.leave_network()
    libc.prctl(libc.PR_SET_CHILD_SUBREAPER, 1)
    libc.prctl(libc.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != config["parent"]:
        raise SystemExit(0)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(str(_OOM_SCORE))
    confine.warm_up()
    flags = namespaces.usable()
    warmth = Warmth(config["operations"])
    warmth.preload(config["preload"])
    gc.collect()
    gc.freeze()
    zygote = Zygote(
        control, warmth, readable=[Path(path) for path in config["readable"]], flags=flags
    )
    protections = probe.protections(network=network, flags=flags)
    control.send(json.dumps({"ready": protections}).encode())
    return zygote


def main() -> None:
    """Serve on the socket whose number is given."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("control", type=int)
    parser.add_argument("config", type=json.loads)
    arguments = parser.parse_args()
    control = socket.socket(fileno=arguments.control)
    logging.basicConfig(handlers=[_ToRunner(control)], level=logging.INFO)
    try:
        zygote = _prepare(control, arguments.config)
    except Exception as error:  # noqa: BLE001 - whatever it is, the runner must hear of it
        control.send(json.dumps({"failed": f"{type(error).__name__}: {error}"[:2000]}).encode())
        raise SystemExit(1) from None
    zygote.serve()


if __name__ == "__main__":
    main()
