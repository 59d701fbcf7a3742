"""What every notifier must do, and a receiver on this machine for those that speak HTTP.

class TestMyNotifier(RemoteNotifierContract):
    @pytest.fixture
    def notifier(self, receiver: Receiver) -> Notifier: ...
    @pytest.fixture
    def unreachable(self) -> Notifier: ...
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Self

import pytest

from mediakiln.model.errors import NotifyFailed
from mediakiln.ports.notifier import Notification, Notifier, Receipt

SECRETS = ("hunter2", "whsec_", "token=")
"""What the addresses in the tests hide, and no `target` may show."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request as the receiver read it; header names are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Receiver:
    """An HTTP/1.1 server on 127.0.0.1 that keeps what it is sent and answers as it is told."""

    status: str = "200 OK"
    headers: tuple[str, ...] = ()
    body: bytes = b"thanks"
    delay: float = 0.0
    """Seconds before it answers."""
    trickle: float = 0.0
    """Seconds between the bytes of the answer's body."""
    tls: ssl.SSLContext | None = None
    requests: list[Request] = field(default_factory=list)
    port: int = 0
    _server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.requests.append(await _read(reader))
            await asyncio.sleep(self.delay)
            await self._answer(writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client hung up: what it should do to some of these answers
        finally:
            writer.close()

    async def _answer(self, writer: asyncio.StreamWriter) -> None:
        lines = (f"HTTP/1.1 {self.status}", "Connection: close", *self.headers)
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n")
        step = 1 if self.trickle else 64 * 1024
        for at in range(0, len(self.body), step):
            writer.write(self.body[at : at + step])
            await writer.drain()
            await asyncio.sleep(self.trickle)


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, path, _ = head[0].split(" ")
    pairs = (line.partition(":") for line in head[1:] if line)
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method, path, headers, body)


def news(id: str = "0197-a", **data: object) -> Notification:
    """A notification such as the notify stage sends."""
    content = {"asset": "0197", "project": "default", "name": "Äpfel \u202e\n\ud800.png"} | data
    return Notification(id, "asset.ready", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), content)


class NotifierContract:
    """What holds for every engine. Give it a `notifier` whose target works."""

    async def test_sending_gives_a_receipt(self, notifier: Notifier) -> None:
        receipt = await notifier.send(news())
        assert isinstance(receipt, Receipt)
        assert len(receipt.answer) <= 1_000
        assert 0 <= receipt.seconds < 60

    async def test_the_receiver_s_own_words_come_back_where_it_has_any(
        self, notifier: Notifier
    ) -> None:
        receipt = await notifier.send(news())
        assert (receipt.status is not None) == notifier.capabilities.answers

    async def test_the_same_news_may_be_sent_again(self, notifier: Notifier) -> None:
        for _ in range(3):
            await notifier.send(news())

    async def test_many_may_send_at_once(self, notifier: Notifier) -> None:
        receipts = await asyncio.gather(*(notifier.send(news(f"0197-{n}")) for n in range(24)))
        assert len(receipts) == 24

    async def test_large_news_are_sent_whole(self, notifier: Notifier) -> None:
        await notifier.send(news(words="x" * 60_000, nested={"list": [1, 2.5, None, True]}))

    async def test_the_target_s_name_tells_no_secret(self, notifier: Notifier) -> None:
        assert notifier.target
        assert not any(secret in notifier.target for secret in SECRETS)
        assert not any(secret in repr(notifier) for secret in SECRETS)

    async def test_closing_twice_is_no_error(self, notifier: Notifier) -> None:
        await notifier.close()
        await notifier.close()


class RemoteNotifierContract(NotifierContract):
    """What also holds for engines with a target elsewhere. Give it an `unreachable` one, too."""

    @pytest.fixture
    async def receiver(self) -> AsyncIterator[Receiver]:
        """A receiver that accepts; a test may change what it answers."""
        async with Receiver() as receiver:
            yield receiver

    async def test_a_target_that_cannot_be_reached_may_work_later(
        self, unreachable: Notifier
    ) -> None:
        with pytest.raises(NotifyFailed) as failed:
            await unreachable.send(news())
        assert failed.value.retryable
        assert failed.value.context["target"] == unreachable.target

    async def test_a_failure_tells_no_secret(self, unreachable: Notifier) -> None:
        with pytest.raises(NotifyFailed) as failed:
            await unreachable.send(news())
        told = f"{failed.value} {failed.value.context}"
        assert not any(secret in told for secret in SECRETS)
