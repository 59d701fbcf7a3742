"""One request and its answer: what every answer carries, and how a connection ends well."""

import asyncio
import logging
import re
import time
from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

from mediakiln.model.ids import new_id

log = logging.getLogger("mediakiln.access")

_LINGER_BYTES: Final = 256 * 1024 * 1024
_LINGER_S: Final = 10.0
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_CHALLENGE: Final = b"www-authenticate"
_QUIET: Final = frozenset({"/healthz", "/readyz", "/metrics"})

_DEFAULTS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)


class Exchange:
    """Stands between an application and the server for one request.

    Adds the request's id and protective headers to the answer. An answer given before the
    whole body was read closes the connection, but slowly: the rest is read for a moment, since
    a close with unread bytes is a reset, which may destroy the answer on its way.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._began = time.perf_counter()
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        self.id = given if _REQUEST_ID.fullmatch(given) else new_id()
        self._body_left = (
            "transfer-encoding" in headers or headers.get("content-length", "0") != "0"
        )
        self._awaited = headers.get("expect", "").lower() == "100-continue"
        self._status = 0
        self._sent = 0
        self.disconnected = False
        self.added: list[tuple[bytes, bytes]] = []
        """Further headers of the answer, whoever gives it."""
        self.challenge: bytes | None = None
        """How a key is to be sent, in an answer that asks for one; None: as the answer says."""

    @property
    def started(self) -> bool:
        """Whether the answer's headers are on their way."""
        return self._status != 0

    @property
    def status(self) -> int:
        """The answer's status; 0 before there is one."""
        return self._status

    async def receive(self) -> Message:
        """The server's `receive`, watched."""
        message = await self._receive()
        self._awaited = False
        if message["type"] == "http.disconnect":
            self.disconnected = True
            self._body_left = False
        elif not message.get("more_body", False):
            self._body_left = False
        return message

    async def send(self, message: Message) -> None:
        """The server's `send`, with what every answer carries."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
            await self._send({**message, "headers": self._headers(message["headers"])})
            return
        self._sent += len(message.get("body", b""))
        if self._body_left and not message.get("more_body", False):
            await self._send({**message, "more_body": True})
            await self._linger()
            message = {"type": "http.response.body", "body": b""}
        await self._send(message)

    def log(self) -> None:
        """Write the access log's line. The query stays out: it may hold a sign-in token."""
        level = logging.DEBUG if self._scope["path"] in _QUIET else logging.INFO
        if log.isEnabledFor(level):
            path = self._scope.get("raw_path", b"").partition(b"?")[0].decode("latin-1")
            log.log(
                level,
                "%s %s %d",
                self._scope["method"],
                path[:300],
                self._status,
                extra={
                    "seconds": round(time.perf_counter() - self._began, 6),
                    "count": self._sent,
                    "request": self.id,
                },
            )

    def _headers(self, given: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        if self._status == HTTPStatus.UNAUTHORIZED and self.challenge is not None:
            given = [pair for pair in given if pair[0] != _CHALLENGE]
            given.append((_CHALLENGE, self.challenge))
        names = {name for name, _ in given}
        headers = [*given, (b"x-request-id", self.id.encode())]
        headers.extend(pair for pair in (*self.added, *_DEFAULTS) if pair[0] not in names)
        if self._body_left:
            headers.append((b"connection", b"close"))
        return headers

    async def _linger(self) -> None:
        if self._awaited:
            # The client waits for leave to send its body; the answer was that it need not.
            return
        read = 0
        try:
            async with asyncio.timeout(_LINGER_S):
                while self._body_left and read < _LINGER_BYTES:
                    read += len((await self.receive()).get("body", b""))
        except TimeoutError:
            return
