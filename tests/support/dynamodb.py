"""DynamoDB for tests: a table of its own each, and a proxy that loses, counts and refuses."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import botocore.session
import pytest

from mediakiln.model.ids import new_id

REGION = "us-east-1"


def client(endpoint: str, service: str = "dynamodb") -> Any:
    """A plain client of the SDK, to see what is really there."""
    return botocore.session.get_session().create_client(
        service, region_name=REGION, endpoint_url=endpoint
    )


def use_credentials(patch: pytest.MonkeyPatch) -> None:
    """Those that `engines/up` exports, whatever the machine has."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "mediakiln",
        "AWS_SECRET_ACCESS_KEY": "mediakiln-secret",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        patch.setenv(name, value)


@contextmanager
def a_table_url(endpoint: str) -> Iterator[str]:
    """The URL of a table that nobody has made yet; it is deleted at the end."""
    table = f"test-{new_id()}"
    opened = client(endpoint)
    yield f"dynamodb://{REGION}/{table}?endpoint={endpoint}"
    with suppress(opened.exceptions.ResourceNotFoundException):
        opened.delete_table(TableName=table)
    opened.close()


def through(url: str, proxy: "Proxy", **options: object) -> str:
    """The same table, by way of a proxy."""
    more = "".join(f"&{name}={value}" for name, value in options.items())
    return f"{url.partition('?')[0]}?endpoint={proxy.url}{more}"


class Proxy:
    """Forwards whole requests; `lose` and `refuse` name operations as DynamoDB does.

    `requests` counts by operation what was asked, what was lost or refused included.
    """

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.requests: Counter[str] = Counter()
        self.refused = asyncio.Event()
        """Something was refused."""
        self._lost: Counter[str] = Counter()
        self._half = False
        self._refused: dict[str, tuple[int, int, dict[str, str]]] = {}
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        for writer in list(self._writers):
            writer.close()
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def lose(self, operation: str, times: int = 1, *, half: bool = False) -> None:
        """Forward the next requests, and hang up before the answer, or in the middle of it."""
        self._lost[operation] = times
        self._half = half

    def refuse(self, operation: str, code: str, *, times: int = 1, status: int = 400) -> None:
        """Answer the next requests with an error of DynamoDB's, without forwarding them."""
        body = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "as the test says"}
        self._refused[operation] = (times, status, body)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                fields = _fields(head)
                body = await reader.readexactly(int(fields.get("content-length", 0)))
                operation = fields["x-amz-target"].partition(".")[2]
                if not await self._answer(operation, head + body, writer):
                    return
        except (asyncio.IncompleteReadError, OSError):
            return
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _answer(self, operation: str, request: bytes, writer: asyncio.StreamWriter) -> bool:
        self.requests[operation] += 1
        times, status, body = self._refused.get(operation, (0, 0, {}))
        if times:
            self._refused[operation] = (times - 1, status, body)
            self.refused.set()
            writer.write(_response(status, json.dumps(body).encode()))
            return True
        answer = await self._forward(request)
        if self._lost[operation]:
            self._lost[operation] -= 1
            writer.write(answer[: len(answer) - 1] if self._half else b"")
            await writer.drain()
            return False
        writer.write(answer)
        await writer.drain()
        return True

    async def _forward(self, request: bytes) -> bytes:
        parts = urlsplit(self.upstream)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        try:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            return head + await reader.readexactly(int(_fields(head)["content-length"]))
        finally:
            writer.close()


def _fields(head: bytes) -> dict[str, str]:
    lines = head.decode("latin-1").split("\r\n")[1:]
    pairs = (line.partition(":") for line in lines if line)
    return {name.lower(): value.strip() for name, _, value in pairs}


def _response(status: int, body: bytes) -> bytes:
    head = (
        f"HTTP/1.1 {status} Refused\r\nContent-Type: application/x-amz-json-1.0\r\n"
        f"x-amzn-RequestId: {new_id()}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
