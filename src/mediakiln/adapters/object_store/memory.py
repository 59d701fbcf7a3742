"""Objects in this process's memory, for tests and for work without a server."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import obstore
from blake3 import blake3
from obstore.exceptions import AlreadyExistsError
from obstore.store import MemoryStore

from mediakiln.adapters.object_store.checks import check_key, check_prefix, check_range, check_sum
from mediakiln.adapters.object_store.chunks import Chunks
from mediakiln.adapters.object_store.files import read_plain, translated, write_new
from mediakiln.adapters.object_store.multipart.memory import RULES, MemoryPartWriter, MemoryUploads
from mediakiln.model.errors import (
    AlreadyExists,
    EngineMisconfigured,
    EngineUnavailable,
    NotFound,
    NotSupported,
    ObjectMissing,
)
from mediakiln.model.keys import Bucket
from mediakiln.ports.direct import Description
from mediakiln.ports.multipart import Part
from mediakiln.ports.object_store import ObjectInfo, ObjectStoreCapabilities

if TYPE_CHECKING:
    from obstore import ObjectMeta  # exists in the stubs only

_CHUNK = 1 << 20


class MemoryObjectStore:
    """An object store that ends with its process.

    It asks obstore by its blocking calls: they only touch memory, take microseconds, and between
    two of them nothing else runs. Not for use from several threads.
    """

    capabilities = ObjectStoreCapabilities(shared=False, durable=False)
    part_rules = RULES

    def __init__(self) -> None:
        self._uploads = MemoryUploads()
        self._buckets = {bucket: MemoryStore() for bucket in Bucket}
        self._closed = False

    @classmethod
    def from_url(cls, url: str) -> Self:
        """A new, empty store for `memory://`.

        Raises:
            EngineMisconfigured: the URL is another one.
        """
        if url != "memory://":
            raise EngineMisconfigured("Not a memory store's URL.", url=url, hint="Write memory://.")
        return cls()

    async def ensure(self) -> None:
        """There is nothing to prepare."""

    def writer(self, bucket: Bucket, key: str, *, if_absent: bool = False) -> "MemoryWriter":
        """Open an object for streaming; memory being the store, all of it is held."""
        check_key(key)
        return MemoryWriter(self, bucket, key, if_absent=if_absent)

    async def put(
        self, bucket: Bucket, key: str, data: bytes, *, if_absent: bool = False
    ) -> ObjectInfo:
        """Store bytes whole."""
        return self.keep(bucket, key, [data], if_absent=if_absent)

    async def put_file(
        self,
        bucket: Bucket,
        key: str,
        path: Path,
        *,
        if_absent: bool = False,
        checksum: str | None = None,
    ) -> ObjectInfo:
        """Store a plain file's bytes."""
        check_key(key)
        with translated(key):
            data = await asyncio.to_thread(read_plain, str(path))
        if checksum is not None:
            check_sum(blake3(data), checksum, key)
        return self.keep(bucket, key, [data], if_absent=if_absent)

    async def head(self, bucket: Bucket, key: str) -> ObjectInfo | None:
        """What is known of an object."""
        check_key(key)
        try:
            return _info(obstore.head(self._shelf(bucket), key))
        except FileNotFoundError:
            return None

    async def describe(self, bucket: Bucket, key: str) -> Description:
        """The metadata that an object was written with; this store itself writes none."""
        check_key(key)
        try:
            found = obstore.get(self._shelf(bucket), key, options={"head": True})
        except FileNotFoundError as error:
            raise ObjectMissing(key=key) from error
        return Description({name.lower(): str(value) for name, value in found.attributes.items()})

    async def get(self, bucket: Bucket, key: str) -> bytes:
        """An object's bytes."""
        return bytes(self._bytes(bucket, key))

    async def stream(
        self, bucket: Bucket, key: str, *, start: int = 0, end: int | None = None
    ) -> AsyncIterator[bytes]:
        """An object's bytes in chunks of 1 MiB, as they were at the first chunk."""
        check_range(start, end)
        data = memoryview(self._bytes(bucket, key))
        stop = len(data) if end is None else min(end, len(data))
        for position in range(start, stop, _CHUNK):
            yield bytes(data[position : min(position + _CHUNK, stop)])

    async def download(self, bucket: Bucket, key: str, path: Path) -> None:
        """Write an object to a new local file.

        Raises:
            AlreadyExists: there is a file at `path`.
        """
        data = self._bytes(bucket, key)
        with translated(key):
            await asyncio.to_thread(write_new, str(path), bytes(data))

    async def copy(
        self,
        source: tuple[Bucket, str],
        target: tuple[Bucket, str],
        *,
        if_absent: bool = False,
    ) -> ObjectInfo:
        """Copy an object."""
        return self.keep(*target, [bytes(self._bytes(*source))], if_absent=if_absent)

    async def delete(self, bucket: Bucket, keys: Sequence[str]) -> None:
        """Delete objects; missing ones are no error."""
        for key in keys:
            check_key(key)
        obstore.delete(self._shelf(bucket), [*keys])

    async def list(
        self, bucket: Bucket, prefix: str = "", *, start_after: str = ""
    ) -> AsyncIterator[ObjectInfo]:
        """Objects in key order, as they were at the first one."""
        check_prefix(prefix)
        # obstore's prefixes are whole folders.
        folder = prefix.rpartition("/")[0] or None
        for batch in self._shelf(bucket).list(folder):
            for meta in batch:
                if meta["path"].startswith(prefix) and meta["path"] > start_after:
                    yield _info(meta)

    async def begin(self, bucket: Bucket, key: str) -> str:
        """Open an upload of parts."""
        check_key(key)
        self._shelf(bucket)
        return self._uploads.begin(bucket, key)

    def part_writer(
        self, bucket: Bucket, key: str, upload: str, number: int, *, offset: int, size: int | None
    ) -> MemoryPartWriter:
        """Write one part; its etag is the BLAKE3 hash of its bytes."""
        check_key(key)
        return self._uploads.writer(bucket, key, upload, number, offset=offset, size=size)

    async def parts(self, bucket: Bucket, key: str, upload: str) -> Sequence[Part]:
        """The parts that are there, by number."""
        return self._uploads.parts(bucket, key, upload)

    async def read_part(
        self, bucket: Bucket, key: str, upload: str, part: Part
    ) -> AsyncIterator[bytes]:
        """A part's bytes, at once."""
        yield self._uploads.data(bucket, key, upload, part)

    async def complete(
        self, bucket: Bucket, key: str, upload: str, parts: Sequence[Part]
    ) -> ObjectInfo:
        """Make the object of these parts."""
        try:
            return self._uploads.complete(bucket, key, upload, parts, self._assemble)
        except NotFound:
            info = await self.head(bucket, key)
            if info is None or info.size != sum(part.size for part in parts):
                raise
            return info

    async def abort(self, bucket: Bucket, key: str, upload: str) -> None:
        """Throw the parts away."""
        self._uploads.abort(bucket, key, upload)

    async def close(self) -> None:
        """Forget all objects."""
        self._closed = True
        self._uploads.clear()
        self._buckets.clear()

    def keep(
        self, bucket: Bucket, key: str, pieces: Sequence[bytes | bytearray], *, if_absent: bool
    ) -> ObjectInfo:
        """Store an object made of pieces.

        Raises:
            AlreadyExists: `if_absent` and the key is taken.
        """
        check_key(key)
        shelf = self._shelf(bucket)
        try:
            obstore.put(
                shelf,
                key,
                pieces,
                mode="create" if if_absent else "overwrite",
                use_multipart=False,
            )
        except AlreadyExistsError as error:
            raise AlreadyExists(key=key) from error
        return _info(obstore.head(shelf, key))

    def _assemble(self, bucket: Bucket, key: str, pieces: Sequence[bytes]) -> ObjectInfo:
        return self.keep(bucket, key, pieces, if_absent=False)

    def _shelf(self, bucket: Bucket) -> MemoryStore:
        if self._closed:
            raise EngineUnavailable("The store is closed.")
        return self._buckets[bucket]

    def _bytes(self, bucket: Bucket, key: str) -> obstore.Bytes:
        """An object's bytes, shared with the store."""
        check_key(key)
        try:
            return obstore.get(self._shelf(bucket), key).bytes()
        except FileNotFoundError as error:
            raise ObjectMissing(key=key) from error


class MemoryWriter:
    """Gathers an object's bytes until they are committed."""

    def __init__(
        self, store: MemoryObjectStore, bucket: Bucket, key: str, *, if_absent: bool
    ) -> None:
        self._store = store
        self._bucket = bucket
        self._key = key
        self._if_absent = if_absent
        self._chunks = Chunks()
        self._open = True

    async def write(self, chunk: bytes | memoryview) -> None:
        """Append bytes; a view's memory may be used again at once."""
        self._check_open()
        self._chunks.add(chunk)

    async def commit(self) -> ObjectInfo:
        """Make the object visible."""
        self._check_open()
        self._open = False
        return self._store.keep(
            self._bucket, self._key, self._chunks.take(), if_absent=self._if_absent
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open = False
        self._chunks.take()

    def _check_open(self) -> None:
        if not self._open:
            raise NotSupported("The writer is closed.", key=self._key)


def _info(meta: "ObjectMeta") -> ObjectInfo:
    return ObjectInfo(
        key=meta["path"],
        size=meta["size"],
        etag=(meta["e_tag"] or "").strip('"'),
        modified=meta["last_modified"],
    )
