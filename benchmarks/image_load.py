"""Load for servers of images: each request on a connection of its own, as proxies in front make."""

import asyncio
import re
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass

import psutil
import uvloop

from processes import cpu_seconds

CONNECTIONS = 4


@dataclass(frozen=True, slots=True)
class Load:
    """What a server did in one round."""

    rate: float
    """Requests a second."""
    cpu_ms: float | None
    """Of its whole tree of processes, a request; None where the process is not known."""


def loaded(port: int, paths: Iterator[str], seconds: float, process: psutil.Process | None) -> Load:
    """Ask for one path after another, four at once, for so long; those begun are waited for."""
    before = 0.0 if process is None else cpu_seconds(process)
    count, took = uvloop.run(_asked(port, paths, seconds))
    spent = None if process is None else 1000 * (cpu_seconds(process) - before) / count
    return Load(count / took, spent)


def answer(port: int, path: str) -> bytes:
    """The body of one answer."""
    return uvloop.run(_get(port, path))


def media_type(port: int, path: str) -> str | None:
    """The media type of one answer; None where it is not a right one."""
    head, _ = uvloop.run(_exchanged(port, path))
    found = re.search(rb"(?i)\r\ncontent-type: *([^;\r]+)", head)
    return found[1].decode() if found and head.startswith(b"HTTP/1.1 200") else None


async def _asked(port: int, paths: Iterator[str], seconds: float) -> tuple[int, float]:
    began = time.perf_counter()
    counts = [0] * CONNECTIONS

    async def client(number: int) -> None:
        while time.perf_counter() - began < seconds:
            await _get(port, next(paths))
            counts[number] += 1

    await asyncio.gather(*(client(number) for number in range(CONNECTIONS)))
    return sum(counts), time.perf_counter() - began


async def _get(port: int, path: str) -> bytes:
    head, body = await _exchanged(port, path)
    assert head.startswith(b"HTTP/1.1 200"), (path, head, body[:300])
    return body


async def _exchanged(port: int, path: str) -> tuple[bytes, bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        lines = f"GET {path} HTTP/1.1", "Host: 127.0.0.1", "Connection: close", "", ""
        writer.write("\r\n".join(lines).encode())
        head, _, body = (await reader.read(-1)).partition(b"\r\n\r\n")
        return head, body
    finally:
        writer.close()


def listens(port: int) -> bool:
    """Whether anybody listens on a port of 127.0.0.1."""
    with socket.socket() as link:
        return link.connect_ex(("127.0.0.1", port)) == 0
