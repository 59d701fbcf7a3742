"""A proxy that can lose what goes over a connection, at a moment of the test's choosing."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum, auto

_CHUNK = 1 << 16


class Wire(Enum):
    """What happens to connections."""

    SOUND = auto()
    CUT_REPLY = auto()
    """The next answer is lost, and its connection with it: the server has done the work."""
    CUT_REQUEST = auto()
    """The next request is lost, and its connection with it: the server never heard of it."""
    SILENT = auto()
    """Nothing comes through, and nothing ends."""
    REFUSING = auto()
    """Connections end as soon as they are made."""


class Proxy:
    """Between a client and a server on loopback; `state` may change at any time."""

    def __init__(self, port: int) -> None:
        self.after_cut = Wire.SOUND
        """The state after a cut."""
        self.cuts = 0
        self.was_cut = asyncio.Event()
        self.port = 0
        self._server_port = port
        self._writers: set[asyncio.StreamWriter] = set()
        self._flows = asyncio.Event()
        self.state = Wire.SOUND

    @property
    def state(self) -> Wire:
        """What happens to connections now."""
        return self._state

    @state.setter
    def state(self, state: Wire) -> None:
        self._state = state
        if state is Wire.SILENT:
            self._flows.clear()
        else:
            self._flows.set()

    def end_all(self) -> None:
        """Break every connection there is."""
        for writer in self._writers:
            writer.transport.abort()

    async def serve(self, client: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        """Carry one connection."""
        if self.state is Wire.REFUSING:
            answers.transport.abort()
            return
        server, requests = await asyncio.open_connection("127.0.0.1", self._server_port)
        self._writers |= {answers, requests}
        try:
            await asyncio.gather(
                self._carry(client, requests, Wire.CUT_REQUEST),
                self._carry(server, answers, Wire.CUT_REPLY),
            )
        finally:
            self._writers -= {answers, requests}
            for writer in (answers, requests):
                writer.transport.abort()

    async def _carry(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, cut: Wire
    ) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await source.read(_CHUNK):
                await self._flows.wait()
                if self.state is cut:
                    self.cuts += 1
                    self.state = self.after_cut
                    self.was_cut.set()
                    break
                target.write(data)
                await target.drain()
        target.transport.abort()


@asynccontextmanager
async def proxied(port: int) -> AsyncIterator[Proxy]:
    """A proxy in front of a port of 127.0.0.1."""
    proxy = Proxy(port)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        proxy.state = Wire.SOUND
        proxy.end_all()
        await asyncio.sleep(0.02)
