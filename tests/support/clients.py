"""Both clients under test, and a server before which everything can be made to fail."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from mediakiln.client import AsyncClient, Client, Retry

KEY = "mk_key:with/odd@characters"
Do = Callable[..., Coroutine[Any, Any, Any]]


@asynccontextmanager
async def doing(kind: type[Client] | type[AsyncClient], url: str) -> AsyncIterator[Do]:
    """Calls a method of either client by its name; iterators come as lists."""
    client = kind(url, KEY, retry=Retry(base_s=0.01))

    async def call(method: str, *args: Any, **kwargs: Any) -> Any:
        if isinstance(client, Client):
            return await asyncio.to_thread(_plainly, client, method, args, kwargs)
        found = attrgetter(method)(client)(*args, **kwargs)
        return [item async for item in found] if inspect.isasyncgen(found) else await found

    try:
        yield call
    finally:
        if isinstance(client, Client):
            await asyncio.to_thread(client.close)
        else:
            await client.aclose()


def _plainly(client: Client, method: str, args: Any, kwargs: Any) -> Any:
    found = attrgetter(method)(client)(*args, **kwargs)
    return list(found) if inspect.isgenerator(found) else found


@dataclass
class Refusing:
    """An application before which some requests are answered otherwise.

    Attributes:
        app: who answers the others.
        answers: statuses by the end of "METHOD path", one a request, until none is left.
        headers: of those answers.
        body: of those answers.
        hold: whether a request, of "METHOD path", is never answered.
        seen: "METHOD path" of every request.
        keys: the Idempotency-Key of each.
    """

    app: ASGIApp
    answers: dict[str, list[int]] = field(default_factory=dict)
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""
    hold: Callable[[str], bool] = lambda _: False
    seen: list[str] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        line = f"{scope['method']} {scope['path']}"
        self.seen.append(line)
        given = dict(scope["headers"]).get(b"idempotency-key")
        self.keys.append(given and given.decode())
        if self.hold(line):
            await asyncio.Event().wait()
        status = self._status(line)
        if status is None:
            await self.app(scope, receive, send)
            return
        while (await receive()).get("more_body"):
            pass
        start = {"type": "http.response.start", "status": status, "headers": self.headers}
        await send(start)
        await send({"type": "http.response.body", "body": self.body})

    def count(self, ending: str) -> int:
        """Requests whose line ends so."""
        return sum(line.endswith(ending) for line in self.seen)

    def _status(self, line: str) -> int | None:
        for ending, statuses in self.answers.items():
            if line.endswith(ending) and statuses:
                return statuses.pop(0)
        return None
