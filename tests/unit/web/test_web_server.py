"""The server on a socket that somebody else listens on."""

import asyncio
import socket
from collections.abc import MutableMapping
from typing import Any

import httpx2

from mediakiln.web.server import make_server

Scope = MutableMapping[str, Any]


async def test_an_inherited_socket_serves_as_promptly_as_one_of_its_own() -> None:
    clients: list[Any] = []

    async def app(scope: Scope, receive: Any, send: Any) -> None:  # noqa: ARG001 - ASGI's shape
        clients.append(scope["client"])
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        server = make_server(app, host="ignored", port=0, fd=listener.detach())
        serving = asyncio.create_task(server.serve())
        while not server.started:
            assert not serving.done()
            await asyncio.sleep(0.005)
        try:
            async with httpx2.AsyncClient(trust_env=False) as http:
                answer = await http.get(f"http://127.0.0.1:{port}/")
                (connection,) = server.server_state.connections
                transport: Any = getattr(connection, "transport", None)
                accepted = transport.get_extra_info("socket")
                # Without it, every answer waits some 40 ms for the client's delayed ACK.
                assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
        finally:
            server.should_exit = True
            await serving
    assert answer.status_code == 204
    assert clients[0][0] == "127.0.0.1"
