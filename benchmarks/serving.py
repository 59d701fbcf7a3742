"""Servers in processes of their own, all with the same uvicorn settings, and load for them."""

import asyncio
import multiprocessing
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil

from mediakiln.web.server import make_server

GET_S, GET_CONNECTIONS = 1.5, 4
_SPAWN = multiprocessing.get_context("spawn")


class Served:
    """A server in another process: its port, its process, and the paths of its files."""

    def __init__(self, port: int, process: psutil.Process, paths: dict[str, str]) -> None:
        self.port = port
        self.process = process
        self.paths = paths


@contextmanager
def server(serve: Callable[[Path, Connection], None], folder: Path) -> Iterator[Served]:
    here, there = _SPAWN.Pipe()
    child = _SPAWN.Process(target=serve, args=(folder, there))
    child.start()
    try:
        port, paths = here.recv()
        yield Served(port, psutil.Process(child.pid), paths)
    finally:
        child.terminate()
        child.join()


async def serve(app: Any, paths: dict[str, str], pipe: Connection) -> None:
    server = make_server(app, host="127.0.0.1", port=0)
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has a flag, not an event
        await asyncio.sleep(0.01)
    pipe.send((server.port, paths))
    await task


async def get_rate(port: int, path: str, seconds: float = GET_S) -> float:
    """Answers a second; equal requests, again and again on kept connections."""
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    size = await _answer_size(port, request)
    loop, began = asyncio.get_running_loop(), time.perf_counter()
    clients = [_Client(request, size, began + seconds) for _ in range(GET_CONNECTIONS)]
    for client in clients:
        await loop.create_connection(lambda client=client: client, "127.0.0.1", port)
    await asyncio.gather(*(client.done for client in clients))
    return sum(client.count for client in clients) / (time.perf_counter() - began)


async def _answer_size(port: int, request: bytes) -> int:
    """How many bytes the answer has, head included; equal requests have equal answers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), head
    writer.close()
    return len(head) + content_length(head)


def content_length(head: bytes) -> int:
    return int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])


class _Client(asyncio.BufferedProtocol):
    """Asks again as soon as an answer is whole; only counts the bytes, to leave the CPU alone."""

    def __init__(self, request: bytes, size: int, end: float) -> None:
        self.count = 0
        self.done = asyncio.get_running_loop().create_future()
        self._request, self._size, self._end = request, size, end
        self._left = 0
        self._buffer = memoryview(bytearray(1 << 18))

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._ask()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - the protocol names it
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self._left -= nbytes
        assert self._left >= 0
        if self._left:
            return
        self.count += 1
        if time.perf_counter() < self._end:
            self._ask()
        else:
            self._transport.close()
            self.done.set_result(None)

    def _ask(self) -> None:
        self._left = self._size
        self._transport.write(self._request)
