"""A real platform: `mediakiln up`, or single roles, as processes on a folder of the test's own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import psutil

from mediakiln import Client
from mediakiln.roles.settings import PREFIX

READY_S = 10.0
"""What the interface promises; a busy test machine may take `PATIENCE` times as long."""
PATIENCE = 4
STOP_S = 30.0

Pair = tuple[int, float]
"""A process for sure: its number and when it was created."""


def clean_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """This process's environment without any setting of mediakiln but `extra`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return kept | dict(extra)


@dataclass
class Platform:
    """Everything that runs on one data folder. Not started before `up` or `run` is called."""

    folder: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    auth: bool = False
    module_path: str = ""
    """Where Python looks for modules beside its own folders."""
    seen: set[Pair] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.data = self.folder / "data"
        self.log = self.folder / "platform.log"
        self.started: list[subprocess.Popen[bytes]] = []
        self.url = ""

    @property
    def environment(self) -> dict[str, str]:
        """What each process is started with."""
        state = {"XDG_STATE_HOME": str(self.folder / "state")}
        own = {"DATA": str(self.folder / "data"), "AUTH": str(int(self.auth)), "LOG_JSON": "1"}
        modules = {"PYTHONPATH": self.module_path} if self.module_path else {}
        return clean_environment(
            {PREFIX + name: value for name, value in {**own, **self.settings}.items()}
            | modules
            | state
        )

    def command_line(self, *arguments: str) -> list[str]:
        """How a command of mediakiln is started."""
        return [sys.executable, "-m", "mediakiln", *arguments]

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a command of mediakiln; its output goes to the log."""
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                self.command_line(*arguments),
                env=self.environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.started.append(process)
        return process

    def up(self, *, started: Callable[[], None] = lambda: None) -> subprocess.Popen[bytes]:
        """Start `mediakiln up` on a free port and wait until it is ready."""
        process = self.start("up", "--port", "0")
        started()
        deadline = time.monotonic() + READY_S * PATIENCE
        address = self.data / "address"
        while not address.is_file() or not self.ready(address.read_text().strip()):
            assert process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.02)
        self.url = address.read_text().strip()
        self.look()
        return process

    @staticmethod
    def ready(url: str) -> bool:
        """Whether `/readyz` answers 200."""
        try:
            return httpx2.get(f"{url}/readyz", timeout=5, trust_env=False).status_code == 200
        except (httpx2.TransportError, httpx2.UnsupportedProtocol):
            return False

    def client(self, **options: Any) -> Client:
        """A client of it."""
        key = (self.data / "owner.key").read_text() if self.auth else None
        return Client(self.url, key, **options)

    def command(
        self, *arguments: str, timeout: float = 60, environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command of mediakiln to its end."""
        return subprocess.run(
            [sys.executable, "-m", "mediakiln", *arguments],
            env=self.environment | dict(environment or {}),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def look(self) -> list[psutil.Process]:
        """Every process below those that were started; each is remembered."""
        found: list[psutil.Process] = []
        for process in self.started:
            with suppress(psutil.NoSuchProcess):
                root = psutil.Process(process.pid)
                found += [root, *root.children(recursive=True)]
        for process_ in found:
            with suppress(psutil.NoSuchProcess):
                self.seen.add((process_.pid, process_.create_time()))
        return found

    def named(self, *words: str) -> list[psutil.Process]:
        """Processes with all these words in their command line."""
        found = []
        for process in self.look():
            with suppress(psutil.NoSuchProcess):
                if set(words) <= set(process.cmdline()):
                    found.append(process)
        return found

    def survivors(self, *, within: float = 10.0) -> list[psutil.Process]:
        """Processes ever seen here, or working on this data folder, that do not end."""
        deadline = time.monotonic() + within
        while left := [*self._alive(), *self._strays()]:
            if time.monotonic() > deadline:
                return left
            time.sleep(0.05)
        return []

    def _alive(self) -> Iterator[psutil.Process]:
        for pid, created in self.seen:
            with suppress(psutil.NoSuchProcess):
                process = psutil.Process(pid)
                if process.create_time() == created and process.status() != psutil.STATUS_ZOMBIE:
                    yield process

    def _strays(self) -> Iterator[psutil.Process]:
        for process in psutil.process_iter():
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                if process.pid != os.getpid() and (
                    process.environ().get(f"{PREFIX}DATA") == str(self.folder / "data")
                ):
                    yield process

    def stop(self, *, expect: int | None = 0) -> None:
        """SIGTERM to all that was started; `expect` is the exit code each must have."""
        self.look()
        running = [process for process in self.started if process.poll() is None]
        for process in running:
            process.send_signal(signal.SIGTERM)
        for process in running:
            code = process.wait(STOP_S)
            assert expect is None or code == expect, self.log.read_text()[-4000:]
        self.started.clear()

    def end(self) -> None:
        """Kill whatever is left: the last resort of a test that failed."""
        self.look()
        for process in self.started:
            process.kill()
            process.wait()
        for left in [*self._alive(), *self._strays()]:
            with suppress(psutil.NoSuchProcess):
                left.kill()

    def lines(self) -> list[dict[str, Any]]:
        """What was logged, as far as it is JSON."""
        found = []
        for line in self.log.read_text(errors="replace").splitlines():
            with suppress(ValueError):
                value = json.loads(line)
                if isinstance(value, dict):
                    found.append(value)
        return found


@contextmanager
def platform(
    folder: Path,
    *,
    settings: Mapping[str, str] | None = None,
    auth: bool = False,
    module_path: str = "",
) -> Iterator[Platform]:
    """`mediakiln up`, ready; whatever the body did, no process is left."""
    made = Platform(folder, settings or {}, auth, module_path)
    try:
        made.up()
        yield made
        made.stop()
    finally:
        made.end()
