"""What the three cloud stores have in common: whole objects, ranges, listings, by obstore."""

import os
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
from blake3 import blake3

from mediakiln.adapters.object_store.checks import check_key, check_prefix, check_range, check_sum
from mediakiln.adapters.object_store.cloud.failures import RangeBehindEnd, translated
from mediakiln.adapters.object_store.cloud.fetching import fetch
from mediakiln.adapters.object_store.cloud.parts import PART_BYTES, CloudWriter, Upload
from mediakiln.adapters.object_store.cloud.putting import put_whole
from mediakiln.adapters.object_store.cloud.shelves import Shelf, info_of
from mediakiln.adapters.object_store.files import create_new, open_regular
from mediakiln.adapters.object_store.files import translated as translated_file
from mediakiln.adapters.object_store.threads import Threads
from mediakiln.model.errors import EngineUnavailable, ObjectMissing
from mediakiln.model.keys import Bucket
from mediakiln.ports.direct import Description
from mediakiln.ports.object_store import ObjectInfo, ObjectStoreCapabilities

if TYPE_CHECKING:
    from obstore import GetOptions  # exists in the stubs only

_CHUNK = 1 << 20
_PAGE = 1000
_DELETE_BATCH = 1000
_FILE_THREADS = 4


class CloudObjectStore(ABC):
    """An object store over three buckets; its subclasses know one provider each.

    A subclass makes the shelves, uploads parts, copies, and checks that its buckets are there.
    """

    capabilities = ObjectStoreCapabilities(
        shared=True, durable=True, presign=True, presign_described=True
    )

    def __init__(self, shelves: Mapping[Bucket, Shelf]) -> None:
        self._shelves = shelves
        self._threads = Threads(_FILE_THREADS)
        self._closed = False

    @abstractmethod
    async def ensure(self) -> None:
        """Check that the three buckets answer; make those that are missing, where that is allowed.

        Raises:
            EngineMisconfigured: a bucket is missing or refused; the hint says what helps.
        """

    @abstractmethod
    async def _begin(self, shelf: Shelf, key: str, *, if_absent: bool) -> Upload:
        """Open an upload of parts."""

    @abstractmethod
    async def _copy(
        self, source: tuple[Shelf, str], target: tuple[Shelf, str], *, if_absent: bool
    ) -> ObjectInfo:
        """Copy inside the provider."""

    def writer(self, bucket: Bucket, key: str, *, if_absent: bool = False) -> CloudWriter:
        """Open an object for streaming by parts of 8 MiB, three of which are held at most."""
        check_key(key)
        shelf = self._shelf(bucket)
        return CloudWriter(
            key,
            partial(self._put_whole, shelf, key, if_absent=if_absent),
            partial(self._begin, shelf, key, if_absent=if_absent),
        )

    async def put(
        self, bucket: Bucket, key: str, data: bytes, *, if_absent: bool = False
    ) -> ObjectInfo:
        """Store bytes: by one request, or by parts above 16 MiB."""
        check_key(key)
        if len(data) <= 2 * PART_BYTES:
            return await self._put_whole(self._shelf(bucket), key, data, if_absent=if_absent)
        async with self.writer(bucket, key, if_absent=if_absent) as writer:
            await writer.write(data)
            return await writer.commit()

    async def put_file(
        self,
        bucket: Bucket,
        key: str,
        path: Path,
        *,
        if_absent: bool = False,
        checksum: str | None = None,
    ) -> ObjectInfo:
        """Store a plain file's bytes, hashed as they are read one after the other."""
        check_key(key)
        with translated_file(key):
            descriptor = await self._threads.run(open_regular, str(path))
        digest = blake3()
        try:
            async with self.writer(bucket, key, if_absent=if_absent) as writer:
                while chunk := await self._threads.run(os.read, descriptor, PART_BYTES):
                    if checksum is not None:
                        await self._threads.run(digest.update, chunk)
                    await writer.write(chunk)
                if checksum is not None:
                    check_sum(digest, checksum, key)
                return await writer.commit()
        finally:
            os.close(descriptor)

    async def head(self, bucket: Bucket, key: str) -> ObjectInfo | None:
        """What is known of an object."""
        check_key(key)
        found = await self._shelf(bucket).look(key)
        return found and found[0]

    async def describe(self, bucket: Bucket, key: str) -> Description:
        """An object's metadata."""
        check_key(key)
        return await self._shelf(bucket).describe(key)

    async def get(self, bucket: Bucket, key: str) -> bytes:
        """A small object's bytes."""
        check_key(key)
        shelf = self._shelf(bucket)
        with translated(shelf.name, key):
            result = await obstore.get_async(shelf.client, key)
            return bytes(await result.bytes_async())

    async def stream(
        self, bucket: Bucket, key: str, *, start: int = 0, end: int | None = None
    ) -> AsyncIterator[bytes]:
        """An object's bytes in chunks of about 1 MiB, all of the object as it was at the first.

        A connection that is cut is taken up again where it ended, pinned to the same etag.
        """
        check_key(key)
        check_range(start, end)
        shelf = self._shelf(bucket)
        if start == end:
            if await shelf.look(key) is None:
                raise ObjectMissing(key=key)
            return
        options: GetOptions = {}
        if end is not None:
            options["range"] = (start, end)
        elif start:
            options["range"] = {"offset": start}
        try:
            with translated(shelf.name, key):
                result = await obstore.get_async(shelf.client, key, options=options)
                async for chunk in result.stream(min_chunk_size=_CHUNK):
                    if chunk:
                        yield bytes(chunk)
        except RangeBehindEnd:
            return

    async def download(self, bucket: Bucket, key: str, path: Path) -> None:
        """Write an object to a new local file, by ranges in parallel.

        Raises:
            AlreadyExists: there is a file at `path`.
        """
        check_key(key)
        shelf = self._shelf(bucket)
        with translated_file(key), create_new(str(path)) as descriptor:
            await fetch(shelf, key, descriptor, self._threads)

    async def copy(
        self,
        source: tuple[Bucket, str],
        target: tuple[Bucket, str],
        *,
        if_absent: bool = False,
    ) -> ObjectInfo:
        """Copy inside the provider; the bytes do not pass through this process."""
        check_key(source[1])
        check_key(target[1])
        return await self._copy(
            (self._shelf(source[0]), source[1]),
            (self._shelf(target[0]), target[1]),
            if_absent=if_absent,
        )

    async def delete(self, bucket: Bucket, keys: Sequence[str]) -> None:
        """Delete objects; missing ones are no error."""
        for key in keys:
            check_key(key)
        shelf = self._shelf(bucket)
        for start in range(0, len(keys), _DELETE_BATCH):
            await self._delete(shelf, keys[start : start + _DELETE_BATCH])

    async def _put_whole(
        self, shelf: Shelf, key: str, data: bytes, *, if_absent: bool
    ) -> ObjectInfo:
        return await put_whole(shelf, key, data, if_absent=if_absent)

    async def _delete(self, shelf: Shelf, keys: Sequence[str]) -> None:
        with translated(shelf.name, keys[0]):
            await obstore.delete_async(shelf.client, [*keys])

    async def list(
        self, bucket: Bucket, prefix: str = "", *, start_after: str = ""
    ) -> AsyncIterator[ObjectInfo]:
        """Objects in key order; one written or deleted meanwhile may be in it or not."""
        check_prefix(prefix)
        shelf = self._shelf(bucket)
        # obstore's prefixes are whole folders; within one, an offset leads to where ours begins.
        folder = prefix.rpartition("/")[0] or None
        offset = max(start_after, _before(prefix)) or None
        with translated(shelf.name, prefix):
            async for page in obstore.list(shelf.client, folder, offset=offset, chunk_size=_PAGE):
                for meta in page:
                    key = meta["path"]
                    if key.startswith(prefix) and key > start_after:
                        yield info_of(meta)
                    elif key > prefix and not key.startswith(prefix):
                        return

    async def close(self) -> None:
        """Let go of connections and threads."""
        self._closed = True
        await self._threads.close()

    def _shelf(self, bucket: Bucket) -> Shelf:
        if self._closed:
            raise EngineUnavailable("The store is closed.")
        return self._shelves[bucket]


def _before(prefix: str) -> str:
    """A string that sorts before `prefix`, with few keys between the two."""
    last = prefix[-1:]
    if last == "/" or not "!" < last <= "~":
        return prefix[:-1]
    return prefix[:-1] + chr(ord(last) - 1) + "~"
