"""Sources that are no assets: files elsewhere, where the operator allows them."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from mediakiln.model.errors import Forbidden, InvalidRequest
from mediakiln.ports.fetcher import Fetched, Fetcher, Place
from mediakiln.stages.derive import Source, elsewhere

_WEB: Final = ("http://", "https://")
_NO_PART: Final = frozenset({"", ".", ".."})

_DECODED: Final = 3
"""How often a path is decoded in search of a way upwards."""

_Open = Callable[[], AbstractAsyncContextManager[Fetched]]


@dataclass(frozen=True, slots=True)
class Shelf:
    """A bucket, a prefix in one, or a folder that addresses may name files of."""

    beginnings: tuple[str, ...]
    """What its addresses begin with, each with its last slash: s3://photos/public/."""
    place: Place
    hidden: bool = True
    """Whether what begins with a dot may be named, as in buckets, where that means nothing."""

    def key(self, address: str) -> str | None:
        """The file's key below the place; None where the address names none of this shelf."""
        for beginning in self.beginnings:
            if address.startswith(beginning):
                key = address.removeprefix(beginning)
                parts = key.split("/")
                dotted = not self.hidden and any(part.startswith(".") for part in parts)
                return None if dotted or _NO_PART.intersection(parts) else key
        return None


class Origins:
    """Files at addresses that begin with one of `allowed`, or lie on one of the shelves.

    What lies there is fetched anew only when it is no longer at hand: put a version into the
    address where it changes. All of them belong to the project `project`.
    """

    def __init__(
        self,
        fetcher: Fetcher | None,
        allowed: Sequence[str],
        *,
        shelves: Sequence[Shelf] = (),
        max_bytes: int,
        project: str,
    ) -> None:
        self._fetcher = fetcher
        self._allowed = tuple(allowed)
        self._shelves = tuple(shelves)
        self._max_bytes = max_bytes
        self._project = project

    def source(self, address: str, *, project: str | None = None) -> Source:
        """The file at an address.

        Raises:
            Forbidden: whoever asks may see another `project` alone.
            InvalidRequest: no asset's id, and no address that is allowed.
            FetchRefused: it leads to where nothing is ever fetched.
        """
        if project not in {None, self._project}:
            raise Forbidden(
                f"files elsewhere are of the project {self._project!r}, the key of {project!r}",
                hint="sign the address",
            )
        if address.startswith(_WEB):
            address = address.replace(" ", "%20")  # clients escape once, and that is undone by now
            opened, name = self._on_the_web(address), unquote(urlsplit(address).path)
            origin = _host(address)
        else:
            (opened, origin), name = self._on_a_shelf(address), address

        async def fetch(path: Path) -> None:
            async with opened() as fetched:
                with path.open("xb") as file:
                    async for chunk in fetched.chunks:
                        await asyncio.to_thread(file.write, chunk)

        return Source(
            project=self._project,
            id=elsewhere(address),
            identity=address,
            name=name.rpartition("/")[2][:255] or "image",
            fetch=fetch,
            origin=origin,
        )

    def _on_the_web(self, address: str) -> _Open:
        fetcher = self._fetcher
        if fetcher is None or not self._permits(address):
            raise self._refusal(address)
        fetcher.check(address)
        return lambda: fetcher.open(address, max_bytes=self._max_bytes)

    def _on_a_shelf(self, address: str) -> tuple[_Open, str]:
        """How the file is opened, and which shelf it is on."""
        for shelf in self._shelves:
            key = shelf.key(address)
            if key is not None:
                opened = partial(shelf.place.open, key, max_bytes=self._max_bytes)
                return opened, shelf.beginnings[0]
        raise self._refusal(address)

    def _refusal(self, address: str) -> InvalidRequest:
        begun = [beginning for shelf in self._shelves for beginning in shelf.beginnings]
        return InvalidRequest(
            "the source is neither an asset nor an address that is allowed",
            field="source",
            value=address[:200],
            allowed=["asset://ID", *self._allowed, *begun],
            hint="the setting imgproxy_sources allows addresses by what they begin with",
        )

    def _permits(self, address: str) -> bool:
        """By whole path segments: https://a.example/b allows .../b/c, not .../bc."""
        parts = urlsplit(address)
        if parts.username or parts.password or _climbs(parts.path):
            return False
        for prefix in self._allowed:
            whole = prefix if prefix.endswith("/") else f"{prefix}/"
            if address == prefix or address.startswith(whole):
                return True
        return False


def _host(address: str) -> str:
    """The host of an address, in one way of writing it."""
    host = (urlsplit(address).hostname or "").rstrip(".")
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        return host


def _climbs(path: str) -> bool:
    """Whether some server reads a way upwards out of a path.

    Servers differ in how often they decode, in whether a backslash is a slash, and in whether
    `..;x` is `..`.
    """
    for _ in range(_DECODED):
        path = unquote(path)
    parts = path.replace("\\", "/").split("/")
    return any(part.partition(";")[0].strip() == ".." for part in parts)
