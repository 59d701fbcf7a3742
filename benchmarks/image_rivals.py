"""Other servers of images on request: got, started, and how their addresses read.

thumbor comes from Python's package registry into an environment of its own below the user's cache
folder. imgproxy and imaginary are asked where BENCH_IMGPROXY and BENCH_IMAGINARY say that one runs
(`http://127.0.0.1:8080`), with two workers and with BENCH_FILES, a folder of the benchmark's files,
as the root of what they serve (imaginary: `-mount`).
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import psutil

from image_load import listens
from processes import free_port

WORKERS: Final = 2
"""Of every server: processes, or images at once."""
THUMBOR: Final = ("thumbor==7.8.0", "pillow==12.3.0")
_THUMBOR_SETTINGS: Final = """
LOADER = "thumbor.loaders.file_loader"
FILE_LOADER_ROOT_PATH = {files!r}
STORAGE = "thumbor.storages.no_storage"
ALLOW_UNSAFE_URL = True
PROGRESSIVE_JPEG = False
"""
_START_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Asked:
    """An image that all are asked for."""

    file: str
    width: int
    format: str
    quality: int | None
    turn: int = 0
    """Of equal widths, to make addresses distinct where answers are kept."""


@dataclass(frozen=True, slots=True)
class Rival:
    """A server that runs."""

    name: str
    port: int
    process: psutil.Process | None
    """None where it was not started here."""
    address: Callable[[Asked], str]


@contextmanager
def rivals(folder: Path, files: Path) -> Iterator[list[Rival]]:
    """Those that can be had here, each running; who cannot is named."""
    with ExitStack() as stack:
        found: list[Rival] = []
        if (program := _thumbor()) is not None:
            for processes in (1, WORKERS):
                running = _running_thumbor(program, folder, files, processes)
                found.append(stack.enter_context(running))
        for name, address in (("imgproxy", _imgproxy_address), ("imaginary", _imaginary_address)):
            variable = f"BENCH_{name.upper()}"
            if base := os.environ.get(variable):
                port = urlsplit(base).port or 80
                found.append(Rival(name, port, _listener(port), address))
            else:
                print(f"left out: {name}, since {variable} names none")
        yield found


def _thumbor() -> Path | None:
    folder = _cache() / THUMBOR[0].replace("==", "-")
    program = folder / "bin" / "thumbor"
    if not program.exists():
        made = _done(sys.executable, "-m", "venv", str(folder))
        if not (made and _done(str(folder / "bin" / "pip"), "install", "-q", *THUMBOR)):
            print("left out: thumbor cannot be installed here")
            return None
    return program


@contextmanager
def _running_thumbor(program: Path, folder: Path, files: Path, processes: int) -> Iterator[Rival]:
    """As it comes it has one process; with several it is named by them."""
    name = "thumbor" if processes == 1 else f"thumbor, {processes} processes"
    settings, port = folder / "thumbor.conf", free_port()
    settings.write_text(_THUMBOR_SETTINGS.format(files=str(files)))
    command = [str(program), "-i", "127.0.0.1", "-p", str(port), "-c", str(settings)]
    command += ["--processes", str(processes), "-l", "error"]
    with _running(command, port) as process:
        yield Rival(name, port, process, _thumbor_address)


def _thumbor_address(asked: Asked) -> str:
    quality = "" if asked.quality is None else f":quality({asked.quality})"
    return f"/unsafe/{asked.width}x0/filters:format({asked.format}){quality}/{asked.file}"


def _imaginary_address(asked: Asked) -> str:
    quality = "" if asked.quality is None else f"&quality={asked.quality}"
    return f"/resize?width={asked.width}&type={asked.format}{quality}&file={asked.file}"


def _imgproxy_address(asked: Asked) -> str:
    quality = "" if asked.quality is None else f"/q:{asked.quality}"
    options = f"rs:fit:{asked.width}:0{quality}"
    return f"/unsafe/{options}/plain/local:///{asked.file}@{asked.format}"


def _listener(port: int) -> psutil.Process | None:
    """The process of this machine that listens there, if it may be seen."""
    try:
        found = psutil.net_connections("tcp")
    except psutil.AccessDenied:
        return None
    pids = [each.pid for each in found if each.status == "LISTEN" and each.laddr.port == port]
    return psutil.Process(pids[0]) if pids and pids[0] else None


@contextmanager
def _running(command: Sequence[str], port: int) -> Iterator[psutil.Process]:
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + _START_S
        while not listens(port):
            assert running.poll() is None, command
            assert time.monotonic() < deadline, command
            time.sleep(0.1)
        yield psutil.Process(running.pid)
    finally:
        tree = psutil.Process(running.pid).children(recursive=True)
        for process in (running, *tree):
            process.send_signal(signal.SIGTERM)
        running.wait(_START_S)


def _cache() -> Path:
    root = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    folder = root / "mediakiln" / "image-rivals"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _done(*command: str) -> bool:
    return subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode == 0
