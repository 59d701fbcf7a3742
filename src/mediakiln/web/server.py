"""The HTTP server, run inside a loop that belongs to somebody else."""

from collections.abc import Iterator
from contextlib import contextmanager
from socket import socket
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from mediakiln.web.front import Front

GRACE_S: Final = 10
"""How long requests in progress may go on once the server is told to stop."""


class Server(uvicorn.Server):
    """uvicorn without its signal handlers: the role decides when to stop (`should_exit`).

    `listener` is a listening socket to serve on, instead of the configuration's address.
    """

    def __init__(self, config: uvicorn.Config, listener: socket | None = None) -> None:
        super().__init__(config)
        self._listener = listener

    async def serve(self, sockets: list[socket] | None = None) -> None:
        """Serve until told to stop."""
        # uvicorn itself would take an inherited descriptor for a Unix socket's, and so know no
        # client's address and leave Nagle's algorithm on: 40 ms more for each answer.
        own = None if self._listener is None else [self._listener]
        await super().serve(sockets or own)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """Stop: live views end at once, other requests within `GRACE_S`."""
        app = self.config.app
        if isinstance(app, Front):
            app.drain()
        await super().shutdown(sockets)

    @property
    def port(self) -> int:
        """The port it listens on, once started; of use where it was asked for any (0)."""
        return int(self.servers[0].sockets[0].getsockname()[1])


def make_server(app: ASGIApp, *, host: str, port: int, fd: int | None = None) -> Server:
    """A server for `await server.serve()`; with `fd`, on a socket that listens already."""
    return Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            loop="uvloop",
            http="httptools",
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=15,
            timeout_graceful_shutdown=GRACE_S,
            backlog=2048,
        ),
        listener=None if fd is None else socket(fileno=fd),
    )
