"""Sources that are no assets: addresses elsewhere, where the operator allows them."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from mediakiln.model.errors import InvalidRequest
from mediakiln.ports.fetcher import Fetcher
from mediakiln.stages.derive import Source, elsewhere

_SCHEMES: Final = ("http://", "https://")


class Origins:
    """Addresses that begin with one of `allowed` are sources, fetched by `fetcher`.

    What lies there is fetched anew only when it is no longer at hand: put a version into the
    address where it changes. All of them belong to the project `project`.
    """

    def __init__(
        self, fetcher: Fetcher | None, allowed: Sequence[str], *, max_bytes: int, project: str
    ) -> None:
        self._fetcher = fetcher
        self._allowed = tuple(allowed)
        self._max_bytes = max_bytes
        self._project = project

    def source(self, address: str) -> Source:
        """The file at an address.

        Raises:
            InvalidRequest: no asset's id, and no address that is allowed.
            FetchRefused: it leads to where nothing is ever fetched.
        """
        fetcher = self._fetcher
        if fetcher is None or not address.startswith(_SCHEMES) or not self._permits(address):
            raise InvalidRequest(
                "the source is neither an asset nor an address that is allowed",
                field="source",
                value=address[:200],
                allowed=["asset://ID", *self._allowed],
                hint="the setting imgproxy_sources allows addresses by what they begin with",
            )
        fetcher.check(address)

        async def fetch(path: Path) -> None:
            async with fetcher.open(address, max_bytes=self._max_bytes) as fetched:
                with path.open("xb") as file:
                    async for chunk in fetched.chunks:
                        await asyncio.to_thread(file.write, chunk)

        name = unquote(urlsplit(address).path).rpartition("/")[2][:255]
        return Source(
            project=self._project,
            id=elsewhere(address),
            identity=address,
            name=name or "image",
            fetch=fetch,
        )

    def _permits(self, address: str) -> bool:
        """By whole path segments: https://a.example/b allows .../b/c, not .../bc."""
        parts = urlsplit(address)
        if parts.username or parts.password or ".." in unquote(parts.path).split("/"):
            return False
        for prefix in self._allowed:
            whole = prefix if prefix.endswith("/") else f"{prefix}/"
            if address == prefix or address.startswith(whole):
                return True
        return False
