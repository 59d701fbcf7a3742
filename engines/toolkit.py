"""What the server scripts share: downloads kept outside the tree, processes that outlive us.

Only the standard library, so that it runs before anything is installed. Everything comes from
package registries through their own clients, and is kept in `$MEDIAKILN_ENGINES_CACHE`, else
`~/.cache/mediakiln/engines`. Servers listen on 127.0.0.1 only.
"""

import fcntl
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

HOST = "127.0.0.1"
_STOP_S = 20.0
_TAIL_CHARACTERS = 3_000
_given: set[int] = set()
_given_lock = threading.Lock()


class Failed(Exception):
    """A server cannot be had; the message says why and what helps."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one server lives: its data, log and pid files."""

    folder: Path

    def file(self, name: str) -> Path:
        """A file below the server's folder, whose parents exist."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


def say(text: str) -> None:
    """Progress goes to stderr: stdout holds what is to be exported."""
    print(text, file=sys.stderr, flush=True)


def cache() -> Path:
    """Where downloads are kept between runs."""
    given = os.environ.get("MEDIAKILN_ENGINES_CACHE")
    folder = Path(given) if given else Path.home() / ".cache" / "mediakiln" / "engines"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _once(name: str, make: Callable[[Path], None]) -> Path:
    """A folder of the cache, made whole by `make` the first time; several may ask at once."""
    final = cache() / name
    final.parent.mkdir(parents=True, exist_ok=True)
    with _locked(final.with_name(f"{final.name}.lock")):
        if not final.is_dir():
            say(f"engines: fetching {name}")
            with tempfile.TemporaryDirectory(dir=final.parent, prefix=".new-") as folder:
                made = Path(folder) / "made"
                made.mkdir()
                make(made)
                made.rename(final)
    return final


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def need(program: str, remedy: str) -> str:
    """The path of a program that must be installed.

    Raises:
        Failed: it is not; says the remedy.
    """
    found = shutil.which(program)
    if found is None:
        raise Failed(f"{program} was not found: {remedy}")
    return found


def _fetch(argv: Sequence[str | Path], cwd: Path | None = None, **environment: str) -> None:
    done = subprocess.run(
        argv,
        cwd=cwd,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Failed(f"{argv[0]} failed:\n{done.stdout[-_TAIL_CHARACTERS:]}")


def maven(name: str, *coordinates: str) -> Path:
    """A folder with the jars of `group:artifact:version[:classifier]` and what they need."""

    def make(folder: Path) -> None:
        mvn = need("mvn", "install Maven and Java 17 (Debian: apt install maven)")
        (folder / "pom.xml").write_text(_pom(coordinates))
        copy = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
        _fetch([mvn, "-q", "-B", copy, "-DoutputDirectory=.", "-DincludeScope=runtime"], folder)

    return _once(f"maven/{name}", make)


def _pom(coordinates: Sequence[str]) -> str:
    entries = []
    for coordinate in coordinates:
        group, artifact, version, *classifier = map(escape, coordinate.split(":"))
        extra = f"<classifier>{classifier[0]}</classifier>" if classifier else ""
        entries.append(
            f"<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>"
            f"<version>{version}</version>{extra}</dependency>"
        )
    return (
        "<project><modelVersion>4.0.0</modelVersion><groupId>local</groupId>"
        "<artifactId>local</artifactId><version>1</version><packaging>pom</packaging>"
        f"<dependencies>{''.join(entries)}</dependencies></project>"
    )


def go(name: str, package: str) -> Path:
    """The program `name` of a Go package with its version, built once."""

    def make(folder: Path) -> None:
        _fetch([need("go", "install Go 1.24 or newer"), "install", package], GOBIN=str(folder))

    return _once(f"go/{name}-{package.rpartition('@')[2]}", make) / name


def npm(name: str, *packages: str) -> Path:
    """A folder with `node_modules` of npm packages, given with their versions."""

    def make(folder: Path) -> None:
        tool = need("npm", "install Node 20 or newer")
        (folder / "package.json").write_text('{"private": true}')
        _fetch([tool, "install", "--no-audit", "--no-fund", "--silent", *packages], folder)

    return _once(f"npm/{name}", make)


def pip(name: str, *packages: str) -> Path:
    """The Python of a virtual environment of its own that holds PyPI packages."""

    def make(folder: Path) -> None:
        # Not through the temporary name: programs in an environment carry its path.
        final = cache() / "pip" / f"{name}-environment"
        shutil.rmtree(final, ignore_errors=True)
        _fetch([sys.executable, "-m", "venv", final])
        _fetch([final / "bin" / "python", "-m", "pip", "install", "--quiet", *packages])
        (folder / "python").symlink_to(final / "bin" / "python")

    # The link itself would not do: Python looks for its environment beside the path it is run by.
    return (_once(f"pip/{name}", make) / "python").readlink()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on, and that nobody else here was given."""
    with _given_lock:
        while True:
            with socket.socket() as probe:
                probe.bind((HOST, 0))
                port = int(probe.getsockname()[1])
            if port not in _given:
                _given.add(port)
                return port


def listening(port: int) -> bool:
    """Whether somebody accepts connections on this port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0


def start(
    place: Place,
    name: str,
    argv: Sequence[str | Path],
    *,
    ready: int | str | Callable[[], bool],
    within_s: float = 90.0,
    environment: Mapping[str, str] | None = None,
    user: str | None = None,
) -> int:
    """Start a process that goes on after us, and wait until it is ready.

    Its output goes to `{name}.log`, its id to `{name}.pid`. `ready` is a port that accepts, a
    regular expression that the log matches, or a question; `user` whom to run as, for root.

    Raises:
        Failed: it ended, or was not ready in time; it is stopped, and the log's end is told.
    """
    log = place.file(f"{name}.log")
    with log.open("wb") as output:
        process = subprocess.Popen(
            argv,
            cwd=place.folder,
            env=os.environ | dict(environment or {}),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            user=user,
        )
    place.file(f"{name}.pid").write_text(f"{process.pid} {_born(process.pid)}")
    deadline = time.monotonic() + within_s
    while not _is_ready(ready, log):
        if process.poll() is not None or time.monotonic() > deadline:
            reason = "ended at once" if process.poll() is not None else f"not ready in {within_s} s"
            stop(place, name)
            raise Failed(
                f"{name}: {reason}:\n{log.read_text(errors='replace')[-_TAIL_CHARACTERS:]}"
            )
        time.sleep(0.1)
    return process.pid


def _is_ready(ready: int | str | Callable[[], bool], log: Path) -> bool:
    if isinstance(ready, int):
        return listening(ready)
    if isinstance(ready, str):
        return re.search(ready, log.read_text(errors="replace")) is not None
    return ready()


def _born(pid: int) -> str:
    """When the process started: with the id it names one process, ids alone come again.

    Empty where there is none, or only its exit status still waits for its parent.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def running(place: Place, name: str) -> int | None:
    """The id of the process that was started here under this name, if it still runs."""
    try:
        pid, born = place.file(f"{name}.pid").read_text().split()
    except (OSError, ValueError):
        return None
    return int(pid) if born and _born(int(pid)) == born else None


def stop(place: Place, name: str, *, number: signal.Signals = signal.SIGTERM) -> None:
    """End a process started here; after a while, by force. None running is fine."""
    pid = running(place, name)
    if pid is not None:
        os.kill(pid, number)
        deadline = time.monotonic() + _STOP_S
        while running(place, name) is not None and not _reaped(pid):
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)
    place.file(f"{name}.pid").unlink(missing_ok=True)


def _reaped(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return False
