"""When the client tries again, against a server that fails as it is told."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.types import Receive, Scope, Send

from mediakiln.client import ApiError, AsyncClient, Retry
from mediakiln.client.sink import destination
from support.site import serving

QUICK = Retry(tries=3, base_s=0.01, max_s=0.05)


class Failing:
    """Answers with the given statuses, one a request, then 200."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.requests = 0

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        self.requests += 1
        status = self.statuses.pop(0) if self.statuses else 200
        headers = [(b"content-type", b"text/html"), (b"retry-after", b"3600")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b'{"operations": []}'})


async def ask(app: Failing, method: str, *args: Any) -> Any:
    async with (
        serving(app) as server,
        AsyncClient(f"http://127.0.0.1:{server.port}", retry=QUICK) as client,
    ):
        return await getattr(client, method)(*args)


@pytest.mark.parametrize("status", [408, 423, 425, 429, 500, 502, 503, 504])
async def test_a_passing_failure_is_tried_again(status: int) -> None:
    app = Failing(status, status)
    assert await ask(app, "operations") == []
    assert app.requests == 3


@pytest.mark.parametrize("statuses", [(503, 503, 503), (501,), (404,)])
async def test_a_lasting_failure_is_told_even_when_it_is_no_problem_document(
    statuses: tuple[int, ...],
) -> None:
    app = Failing(*statuses)
    with pytest.raises(ApiError) as caught:
        await ask(app, "operations")
    assert (caught.value.code, caught.value.status) == ("http_error", statuses[-1])
    assert app.requests == len(statuses)


async def test_what_somebody_else_holds_is_asked_for_longer() -> None:
    app = Failing(*[423] * 5, *[409] * 5)
    assert await ask(app, "operations") == []
    assert app.requests == 11


async def test_what_might_be_done_twice_is_not_tried_again() -> None:
    app = Failing(503)
    with pytest.raises(ApiError):
        await ask(app, "replay", "x")
    assert app.requests == 1


@pytest.fixture
async def late() -> AsyncIterator[int]:
    """A port where a server begins to listen only after a while."""
    door = socket.socket()  # bound from the start, so that nobody else gets the port
    door.bind(("127.0.0.1", 0))

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 422 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async def begin() -> asyncio.Server:
        await asyncio.sleep(0.1)
        return await asyncio.start_server(answer, sock=door)

    beginning = asyncio.create_task(begin())
    yield int(door.getsockname()[1])
    server = await beginning
    server.close()
    await server.wait_closed()


async def test_an_upload_waits_for_a_server_that_is_not_there_yet(late: int) -> None:
    patient = Retry(tries=20, base_s=0.05, max_s=0.05)
    async with AsyncClient(f"http://127.0.0.1:{late}", retry=patient) as client:
        with pytest.raises(ApiError) as caught:
            await client.submit(b"text", name="a.txt")
    assert caught.value.status == 422


async def test_a_server_that_is_not_there_is_given_up() -> None:
    async with AsyncClient("http://127.0.0.1:9", retry=QUICK) as client:
        with pytest.raises(httpx2.ConnectError):
            await client.operations()


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ('inline; filename="a.txt"', "a.txt"),
        ("inline; filename=\"a.txt\"; filename*=UTF-8''%C3%A4.txt", "ä.txt"),
        ("attachment; filename*=UTF-8''..%2F..%2Fetc%2Fpasswd", "passwd"),
        ('inline; filename="..\\..\\x.exe"', "x.exe"),
        ('inline; filename=".."', "download"),
        ("inline", "download"),
    ],
)
def test_a_name_from_the_server_stays_inside_the_folder(
    header: str, name: str, tmp_path: Path
) -> None:
    assert destination(tmp_path, header) == tmp_path / name
    assert destination(f"{tmp_path}/new/folder/", header) == tmp_path / "new/folder" / name
