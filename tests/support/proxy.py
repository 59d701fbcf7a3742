"""A network that fails: a TCP proxy on 127.0.0.1 whose connections can be slowed, cut or refused.

    async with Proxy(port_of_the_server) as proxy:
        proxy.fault = Cut(answer_after=100_000, times=1)
        … talk to 127.0.0.1:proxy.port …

A fault may be set and lifted at any time; it holds for open connections, too.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

_HOST = "127.0.0.1"
_CHUNK = 64 << 10
_EVERY = 1 << 30


@dataclass
class Fault:
    """What happens to connections while it is set.

    Args:
        times: how many connections it hits before it is over; each only once.
        only: bytes that must occur in what a client sends, for its connection to be hit.
    """

    times: int = _EVERY
    only: bytes = b""
    hits: int = field(default=0, init=False)
    struck: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    def strikes(self, sent: bytes) -> bool:
        """Whether a connection whose client has just sent this is hit; counts it."""
        if self.hits >= self.times or self.only not in sent:
            return False
        self.hits += 1
        self.struck.set()
        return True


@dataclass
class Answer(Fault):
    """The server is not asked: whatever the request, the answer is this HTTP status."""

    status: int = 503


@dataclass
class Cut(Fault):
    """The connection is reset after so many bytes of requests or of answers, counted from now."""

    request_after: int | None = None
    answer_after: int | None = None


@dataclass
class Stall(Fault):
    """The connection stays open and nothing passes any more."""


@dataclass
class Slow(Fault):
    """Each direction passes so many bytes a second."""

    rate: float = 1e6


class Proxy:
    """Passes connections on to `target`, a port of 127.0.0.1 that may be changed at any time."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.fault: Fault | None = None
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, _HOST, 0)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        # Not in the task: one that is cancelled at once never runs.
        task.add_done_callback(lambda _: writer.transport.abort())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server_reader, server_writer = await asyncio.open_connection(_HOST, self.target)
        except OSError:
            return
        link = _Link(self, writer, server_writer)
        pumps = [
            asyncio.ensure_future(link.requests(reader)),
            asyncio.ensure_future(link.answers(server_reader)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            for pump in pumps:
                pump.cancel()
            await asyncio.wait(pumps)
            if not link.broken:
                await link.close()
        finally:
            for pump in pumps:
                pump.cancel()
            server_writer.transport.abort()


class _Link:
    """One connection's two directions, and the fault that hit it."""

    def __init__(
        self, proxy: Proxy, client: asyncio.StreamWriter, server: asyncio.StreamWriter
    ) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._fault: Fault | None = None
        self._sent = self._answered = 0
        self.broken = False

    async def requests(self, reader: asyncio.StreamReader) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(_CHUNK):
                self._strike(data)
                fault = self._fault
                if isinstance(fault, Answer):
                    return await self._refuse(fault.status)
                if isinstance(fault, Cut) and fault.request_after is not None:
                    data = data[: fault.request_after - self._sent]
                    self._sent += len(data)
                    if self._sent >= fault.request_after:
                        self.broken = True
                await self._pass(data, self._server)
                if self.broken:
                    return None
        return None

    async def answers(self, reader: asyncio.StreamReader) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(_CHUNK):
                fault = self._fault
                if isinstance(fault, Cut) and fault.answer_after is not None:
                    data = data[: fault.answer_after - self._answered]
                    self._answered += len(data)
                    self.broken = self._answered >= fault.answer_after
                await self._pass(data, self._client)
                if self.broken:
                    return

    async def close(self) -> None:
        """End both directions once what was written is through."""
        for writer in (self._client, self._server):
            writer.close()
        for writer in (self._client, self._server):
            with suppress(ConnectionError):
                await writer.wait_closed()

    def _strike(self, sent: bytes) -> None:
        """Look whether the fault that is set now hits this connection."""
        current = self._proxy.fault
        if current is not self._fault and (current is None or current.strikes(sent)):
            self._fault = current
            self._sent = self._answered = 0

    async def _pass(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        if isinstance(self._fault, Stall):
            await asyncio.Event().wait()
        if isinstance(self._fault, Slow):
            await asyncio.sleep(len(data) / self._fault.rate)
        writer.write(data)
        await writer.drain()

    async def _refuse(self, status: int) -> None:
        head = f"HTTP/1.1 {status} Refused\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        self._client.write(head.encode())
        await self._client.drain()
