"""From a file elsewhere to an asset whose id is known beforehand, at most once."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Protocol

from blake3 import blake3

from mediakiln.model.asset import Asset
from mediakiln.model.errors import (
    AlreadyExists,
    EmptyFile,
    InvalidName,
    TooLarge,
    UnsupportedMedia,
)
from mediakiln.model.ids import id_time
from mediakiln.model.keys import Bucket, input_key
from mediakiln.model.names import clean_name
from mediakiln.model.upload import Offer
from mediakiln.ports.catalog import Catalog
from mediakiln.ports.fetcher import Fetched
from mediakiln.ports.object_store import ObjectStore

Opener = Callable[[], AbstractAsyncContextManager[Fetched]]

_REFUSALS = (EmptyFile, InvalidName, TooLarge, UnsupportedMedia)


class Door(Protocol):
    """What is used of the stage `receive`."""

    async def admit(self, size: int) -> None:
        """Whether a file of that size may begin now."""
        ...

    async def enter(self, id: str, offer: Offer, key: str, *, checksum: str | None = None) -> Asset:
        """Make the record of an object that is complete in the input bucket."""
        ...


@dataclass(frozen=True, slots=True)
class _Stored:
    checksum: str
    name: str = ""
    declared_type: str | None = None


class Intake:
    """Takes files in under ids that their finders chose.

    The id says the object's key, and the object is written only if it is absent. So whoever
    comes again after a crash, or beside another, finds the object or the record that is there,
    and makes no second one.
    """

    def __init__(
        self, store: ObjectStore, catalog: Catalog, receive: Door, *, max_bytes: int
    ) -> None:
        self._store = store
        self._catalog = catalog
        self._receive = receive
        self.max_bytes = max_bytes

    async def __call__(self, id: str, offer: Offer, source: Opener, *, fallback: str = "") -> Asset:
        """The asset of that id, taken in from `source` if it is not there yet.

        An empty `offer.name` is filled with what the file's holder calls it, and so is its
        type where none is declared; `fallback` is its name where the holder is not asked again.

        Raises:
            EmptyFile, InvalidName, TooLarge, UnsupportedMedia: nothing is kept.
            FetchFailed, FetchRefused: as the source raises.
            StorageFull, Overloaded: it is not the time for it.
        """
        if offer.name:
            clean_name(offer.name)
        known = await self._catalog.get(id)
        if known is not None:
            return known
        key = input_key(offer.project, id, id_time(id))
        if await self._store.head(Bucket.INPUT, key) is None:
            stored = await self._fetch(offer, key, source)
        else:
            stored = _Stored(await self._checksum(key))
        named = replace(
            offer,
            name=offer.name or _usable(stored.name or fallback),
            declared_type=offer.declared_type or stored.declared_type,
        )
        try:
            return await self._receive.enter(id, named, key, checksum=stored.checksum)
        except _REFUSALS:
            await self._store.delete(Bucket.INPUT, [key])
            raise

    async def _fetch(self, offer: Offer, key: str, source: Opener) -> _Stored:
        await self._receive.admit(offer.size or 0)
        async with source() as file:
            await self._receive.admit(file.size or 0)
            async with self._store.writer(Bucket.INPUT, key, if_absent=True) as writer:
                digest, total = blake3(), 0
                async for chunk in file.chunks:
                    total += len(chunk)
                    if total > self.max_bytes:
                        raise self._too_large(total)
                    digest.update(chunk)
                    await writer.write(chunk)
                if not total:
                    raise EmptyFile("the file has no bytes")
                try:
                    await writer.commit()
                    checksum = f"blake3:{digest.hexdigest()}"
                except AlreadyExists:  # another was faster; what it fetched may differ
                    checksum = await self._checksum(key)
            return _Stored(checksum, file.name, file.declared_type)

    async def _checksum(self, key: str) -> str:
        digest = blake3()
        chunks: AsyncIterator[bytes] = self._store.stream(Bucket.INPUT, key)
        async for chunk in chunks:
            digest.update(chunk)
        return f"blake3:{digest.hexdigest()}"

    def _too_large(self, size: int) -> TooLarge:
        return TooLarge(
            f"the file is larger than {self.max_bytes} bytes",
            limit=self.max_bytes,
            value=size,
            hint="the operator can raise MEDIAKILN_IMPORT_MAX_FILE_BYTES",
        )


def _usable(name: str) -> str:
    """A holder's name for a file, if it can be one: a stranger's odd name loses no file."""
    try:
        return clean_name(name)
    except InvalidName:
        return "download"
