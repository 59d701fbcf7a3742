"""Fetchers: bytes that lie elsewhere, at an address or in a place of the operator's."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that is being fetched.

    Attributes:
        chunks: its bytes, once; the iterator raises what `Fetcher.open` raises.
        name: what its holder calls it; empty where that is not said. Not to be trusted.
        declared_type: what its holder says it is.
        size: bytes, where they are announced.
    """

    chunks: AsyncIterator[bytes]
    name: str = ""
    declared_type: str | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A file in a place: its key below the place, and its size in bytes."""

    key: str
    size: int


class Fetcher(Protocol):
    """Fetches from addresses that strangers name."""

    def open(self, url: str, *, max_bytes: int) -> AbstractAsyncContextManager[Fetched]:
        """The file at a URL, at most `max_bytes` of it; let go of at the end of the context.

        Raises:
            FetchRefused: the URL, or where it leads, is not allowed, or there is no such file;
                trying again does not help.
            FetchFailed: its server failed, or was too slow; trying again may help.
            TooLarge: it has more bytes.
        """
        ...

    def check(self, url: str) -> None:
        """Refuse what no look-up could make right.

        Raises:
            FetchRefused: the URL is none that is ever fetched.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class Place(Protocol):
    """A bucket or folder elsewhere, which is only read."""

    def list(self, prefix: str, *, start_after: str = "") -> AsyncIterator[Found]:
        """Files whose key begins with `prefix`, in an order of the place's own that stays.

        `start_after` is a key; only files behind it come.

        Raises:
            FetchRefused: there is no such place, or it does not let us.
            FetchFailed: it does not answer.
        """
        ...

    def open(self, key: str, *, max_bytes: int) -> AbstractAsyncContextManager[Fetched]:
        """A file, as `Fetcher.open`."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
