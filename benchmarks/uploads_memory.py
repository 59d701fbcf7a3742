"""Resident memory of each way in: at rest, with 10 and with 100 uploads at once.

    python benchmarks/uploads_memory.py

Each role runs by itself, and every upload has 16 MiB. Clients send in step, a block each in turn,
so that all uploads are under way from the first block to the last. The figure is the peak.
"""

import asyncio
import re
import tempfile
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psutil
import uvloop

from figures import report
from processes import free_port, reachable, resident_mb, started

Row = dict[str, Any]

MIB: Final = 1 << 20
SIZE: Final = 16 * MIB
BLOCK: Final = (b"The quick brown fox jumps over the lazy dog.\n" * 5826)[: 256 << 10]
FEW, MANY = 10, 100
MOST: Final = 1.5
EVERY_S: Final = 0.02
TUS: Final = {"Tus-Resumable": "1.0.0"}


class Link:
    """One client's connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int) -> "Link":
        """Connect."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def ask(
        self, method: str, path: str, headers: Mapping[str, Any], body: bytes = b""
    ) -> str:
        """A whole request, and the answer's head and body."""
        await self.begin(method, path, headers, len(body))
        await self.send(body)
        return await self.answer()

    async def begin(self, method: str, path: str, headers: Mapping[str, Any], size: int) -> None:
        """A request without its body."""
        given = {"Host": "127.0.0.1", "Content-Length": size, **headers}
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {given[name]}" for name in given)]
        await self.send(("\r\n".join(lines) + "\r\n\r\n").encode())

    async def send(self, data: bytes) -> None:
        """Some of the body."""
        self._writer.write(data)
        await self._writer.drain()

    async def answer(self) -> str:
        """The answer, which must be a success."""
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
        assert head.startswith("HTTP/1.1 20"), head
        length = re.search(r"(?i)\r\ncontent-length: *(\d+)", head)
        body = await self._reader.readexactly(int(length[1])) if length else b""
        return head + body.decode()

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


async def _sync(link: Link) -> str:
    """Begin an upload in one request; gives the address that ends it, if there is one."""
    await link.begin("POST", "/v1/assets?filename=a.txt", {"Content-Type": "text/plain"}, SIZE)
    return ""


async def _parts(link: Link) -> str:
    body = f'{{"filename": "a.txt", "size": {SIZE}, "part_size": {SIZE}}}'.encode()
    made = await link.ask("POST", "/v1/uploads", {"Content-Type": "application/json"}, body)
    path = _found(r"/v1/uploads/[0-9a-f-]+", made)
    await link.begin("PUT", f"{path}/parts/1", {}, SIZE)
    return path


async def _tus(link: Link) -> str:
    made = await link.ask("POST", "/v1/tus", {**TUS, "Upload-Length": SIZE})
    path = _found(r"/v1/tus/[0-9a-f-]+", made)
    stream = {"Content-Type": "application/offset+octet-stream", "Upload-Offset": 0}
    await link.begin("PATCH", path, {**TUS, **stream}, SIZE)
    return path


DOORS: Final[Mapping[str, Callable[[Link], Awaitable[str]]]] = {
    "upload": _sync,
    "multipart": _parts,
    "tus": _tus,
}


def measure() -> list[Row]:
    """A row for each door, in about a minute."""
    return [_row(door, begin) for door, begin in DOORS.items()]


def _row(door: str, begin: Callable[[Link], Awaitable[str]]) -> Row:
    rest, few, many = _weighed(door, begin)
    return {
        "name": f"memory, {MANY} uploads at once, {door}",
        "value": round(many, 1),
        "unit": "MB",
        "rival": f"{FEW} at once: {few:.0f} MB (at rest: {rest:.0f})",
        "ratio": many / few,
        "target": f"<= {MOST}",
        "holds": many <= MOST * few,
    }


def _weighed(door: str, begin: Callable[[Link], Awaitable[str]]) -> tuple[float, float, float]:
    """MB at rest, with few and with many uploads."""
    port = free_port()
    settings = {"PORT": port, "RESERVE_BYTES": 0}
    with (
        tempfile.TemporaryDirectory() as name,
        started("run", door, data=Path(name), settings=settings) as process,
    ):
        uvloop.run(reachable(f"http://127.0.0.1:{port}"))
        uvloop.run(_uploads(port, begin, 1))  # what is loaded with the first request
        rest = resident_mb(process)
        peaks = []
        for count in (FEW, MANY):
            with _peak(process) as seen:
                uvloop.run(_uploads(port, begin, count))
            peaks.append(max(seen))
    return rest, peaks[0], peaks[1]


async def _uploads(port: int, begin: Callable[[Link], Awaitable[str]], count: int) -> None:
    links = [await Link.open(port) for _ in range(count)]
    paths = await asyncio.gather(*(begin(link) for link in links))
    for _ in range(SIZE // len(BLOCK)):
        await asyncio.gather(*(link.send(BLOCK) for link in links))
    await asyncio.gather(*(link.answer() for link in links))
    for link, path in zip(links, paths, strict=True):
        if path:
            await link.ask("DELETE", path, TUS)
        link.close()


@contextmanager
def _peak(process: psutil.Process) -> Iterator[list[float]]:
    seen, stop = [resident_mb(process)], threading.Event()

    def watch() -> None:
        while not stop.wait(EVERY_S):
            seen.append(resident_mb(process))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        stop.set()
        watcher.join()


def _found(pattern: str, answer: str) -> str:
    found = re.search(pattern, answer)
    assert found is not None, answer
    return found[0]


if __name__ == "__main__":
    report(measure, __doc__)
