"""One request for an image, as the doors see it."""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from mediakiln.model.access import Principal

Admit = Callable[[], Awaitable[Principal]]
"""Finds out who asks, by key or session, and counts the request."""


@dataclass(frozen=True)
class Call:
    """A request: GET or HEAD, or what else its door takes."""

    scope: Scope
    receive: Receive
    send: Send
    admit: Admit
    began: float = field(default_factory=time.monotonic)
    """On the monotonic clock: what is found out for it is as of then, or later."""

    @cached_property
    def path(self) -> str:
        """The path as it was sent, still percent-encoded: what signatures are over."""
        raw: bytes = self.scope.get("raw_path") or self.scope["path"].encode()
        return raw.partition(b"?")[0].decode("latin-1")

    @cached_property
    def query(self) -> str:
        """The query as it was sent."""
        query: bytes = self.scope["query_string"]
        return query.decode("latin-1")

    @cached_property
    def headers(self) -> Headers:
        """The request's headers."""
        return Headers(scope=self.scope)

    @property
    def method(self) -> str:
        """GET, HEAD, ...."""
        return str(self.scope["method"])


class ImageDoor(Protocol):
    """One grammar of addresses. It answers by `Images.answer`, or sends an answer of its own."""

    prefix: str
    """What its addresses begin with: `/i/`."""
    methods: frozenset[str]
    """Other methods are answered with 405."""
    refusal_headers: Mapping[str, str]
    """What its errors carry beside a problem document."""

    async def __call__(self, call: Call) -> None:
        """Answer a request.

        Raises:
            InvalidRequest: the address is not of this grammar; names the option.
            MediakilnError: anything else becomes a problem document too.
        """
        ...
