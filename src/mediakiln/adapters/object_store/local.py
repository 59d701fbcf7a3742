"""Objects as plain files in a folder: the store of one machine, or of a shared file system.

`{root}/{bucket}/{key}` is the object's file. An object is written under `.incoming/`, made durable
and then linked or renamed to its place, so no reader ever sees a part of it. Needs a file system
with hard links and times in nanoseconds (ext4, XFS, Btrfs, ZFS, tmpfs, NFS 4), all of the root on
one of them. Copies are hard links: bytes are immutable, so sharing them is safe; a copy's
`modified` is the time its bytes were written.
"""

import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Self
from urllib.parse import unquote, urlsplit

from mediakiln.adapters.object_store.checks import check_key, check_prefix, check_range
from mediakiln.adapters.object_store.chunks import Blocks
from mediakiln.adapters.object_store.disk import Disk
from mediakiln.adapters.object_store.files import translated
from mediakiln.adapters.object_store.local_reader import Reader
from mediakiln.adapters.object_store.local_writer import LocalWriter
from mediakiln.adapters.object_store.multipart.inplace import RULES
from mediakiln.adapters.object_store.multipart.local_writer import LocalPartWriter
from mediakiln.adapters.object_store.multipart.slot import Slot
from mediakiln.adapters.object_store.threads import Result, Threads, finished
from mediakiln.model.errors import EngineMisconfigured, NotFound, ObjectMissing
from mediakiln.model.keys import Bucket
from mediakiln.ports.multipart import Part
from mediakiln.ports.object_store import ObjectInfo, ObjectStoreCapabilities

_LIST_BATCH = 500
_DELETE_BATCH = 500


class LocalObjectStore:
    """An object store in the folder `root`, which any number of processes may share.

    Args:
        root: an absolute folder; `ensure` makes it.
        threads: how many calls wait for the disk at once.

    Raises:
        EngineMisconfigured: the folder is not absolute.
    """

    capabilities = ObjectStoreCapabilities(shared=True, durable=True, local_path=True)
    part_rules = RULES

    def __init__(self, root: Path, *, threads: int = 16) -> None:
        if not root.is_absolute():
            raise EngineMisconfigured("The store's folder must be absolute.", root=str(root))
        self._disk = Disk(str(root.resolve()))
        self._threads = Threads(threads)
        self._blocks = Blocks()

    @classmethod
    def from_url(cls, url: str) -> Self:
        """A store for `file:///absolute/folder`; odd characters may be percent-encoded.

        Raises:
            EngineMisconfigured: the URL is of another form.
        """
        parts = urlsplit(url)
        if parts.scheme != "file" or parts.netloc not in {"", "localhost"} or parts.query:
            raise EngineMisconfigured(
                "Not a local store's URL.", url=url, hint="Write file:///absolute/folder."
            )
        return cls(Path(unquote(parts.path)))

    async def ensure(self) -> None:
        """Make the folders, and sweep away drafts of writers that are no more.

        Raises:
            EngineMisconfigured: the folder or its file system cannot hold a store.
        """
        with translated(""):
            await self._threads.run(self._disk.ensure)

    def writer(self, bucket: Bucket, key: str, *, if_absent: bool = False) -> LocalWriter:
        """Open an object for streaming. Up to two blocks of 1 MiB are held in memory."""
        check_key(key)
        publish = partial(self._disk.publish, bucket=bucket, key=key, if_absent=if_absent)
        return LocalWriter(key, self._threads, self._blocks, self._disk.incoming, publish)

    async def put(
        self, bucket: Bucket, key: str, data: bytes, *, if_absent: bool = False
    ) -> ObjectInfo:
        """Store bytes whole, in one thread hop."""
        check_key(key)
        call = partial(self._disk.put, bucket, key, data, if_absent=if_absent)
        with translated(key):
            return await self._threads.run(call)

    async def put_file(
        self,
        bucket: Bucket,
        key: str,
        path: Path,
        *,
        if_absent: bool = False,
        checksum: str | None = None,
    ) -> ObjectInfo:
        """Store a plain file: linked where it is ours and on the same file system, else copied."""
        check_key(key)
        call = partial(
            self._disk.take_file, str(path), bucket, key, if_absent=if_absent, checksum=checksum
        )
        return await self._long(key, call)

    async def head(self, bucket: Bucket, key: str) -> ObjectInfo | None:
        """What is known of an object; a call so short that it takes no thread."""
        check_key(key)
        with translated(key):
            return self._disk.head(bucket, key)

    async def get(self, bucket: Bucket, key: str) -> bytes:
        """A small object's bytes, in one thread hop."""
        check_key(key)
        with translated(key):
            return await self._threads.run(self._disk.get, bucket, key)

    async def stream(
        self, bucket: Bucket, key: str, *, start: int = 0, end: int | None = None
    ) -> AsyncIterator[bytes]:
        """An object's bytes in chunks of 1 MiB, as they were at the first chunk."""
        check_key(key)
        check_range(start, end)
        reader = Reader(self._disk.path(bucket, key), key, start, end)
        try:
            while not reader.finished:
                chunk = await self._threads.run(reader.read)
                if chunk:
                    yield chunk
        finally:
            reader.close()

    async def download(self, bucket: Bucket, key: str, path: Path) -> None:
        """Write an object to a new local file, which shares nothing with the store.

        Raises:
            AlreadyExists: there is a file at `path`.
        """
        check_key(key)
        await self._long(key, partial(self._disk.download, bucket, key, str(path)))

    async def copy(
        self,
        source: tuple[Bucket, str],
        target: tuple[Bucket, str],
        *,
        if_absent: bool = False,
    ) -> ObjectInfo:
        """Give an object a second key by a hard link."""
        check_key(source[1])
        check_key(target[1])
        call = partial(self._disk.copy, source, target, if_absent=if_absent)
        return await self._long(target[1], call)

    async def delete(self, bucket: Bucket, keys: Sequence[str]) -> None:
        """Delete objects; missing ones are no error."""
        for key in keys:
            check_key(key)
        for start in range(0, len(keys), _DELETE_BATCH):
            batch = keys[start : start + _DELETE_BATCH]
            with translated(batch[0]):
                await self._threads.run(self._disk.delete, bucket, batch)

    async def list(
        self, bucket: Bucket, prefix: str = "", *, start_after: str = ""
    ) -> AsyncIterator[ObjectInfo]:
        """Objects in key order; one written or deleted meanwhile may be in it or not."""
        check_prefix(prefix)
        found = self._disk.walk(bucket, prefix, start_after)
        while True:
            with translated(prefix):
                batch = await self._threads.run(_next_batch, found)
            for info in batch:
                yield info
            if len(batch) < _LIST_BATCH:
                return

    async def begin(self, bucket: Bucket, key: str) -> str:
        """Open an upload of parts, durably."""
        check_key(key)
        with translated(key):
            return await self._threads.run(self._disk.uploads.begin, bucket, key)

    def part_writer(
        self, bucket: Bucket, key: str, upload: str, number: int, *, offset: int, size: int | None
    ) -> LocalPartWriter:
        """Write one part at its place; its etag is the BLAKE3 hash of its bytes."""
        check_key(key)
        RULES.check(number, offset=offset, size=size)
        slot = Slot(self._disk.uploads, bucket, key, upload, (number, offset, size))
        return LocalPartWriter(key, self._threads, self._blocks, slot)

    async def parts(self, bucket: Bucket, key: str, upload: str) -> Sequence[Part]:
        """The durable parts, by number."""
        check_key(key)
        with translated(key):
            return await self._threads.run(self._disk.uploads.parts, bucket, key, upload)

    async def read_part(
        self, bucket: Bucket, key: str, upload: str, part: Part
    ) -> AsyncIterator[bytes]:
        """A part's bytes in chunks of 1 MiB."""
        check_key(key)
        find = partial(self._disk.uploads.place, bucket, key, upload, part)
        with translated(key):
            path, entry = await self._threads.run(find)
        reader = Reader(path, key, entry.offset, entry.end)
        try:
            while not reader.finished:
                yield await self._threads.run(reader.read)
        except ObjectMissing as error:
            raise NotFound("there is no such upload", key=key) from error
        finally:
            reader.close()
        with translated(key):
            await self._threads.run(find)

    async def complete(
        self, bucket: Bucket, key: str, upload: str, parts: Sequence[Part]
    ) -> ObjectInfo:
        """Move the file that the parts make up to the object's place."""
        check_key(key)
        with translated(key):
            return await self._threads.run(self._disk.complete, bucket, key, upload, parts)

    async def abort(self, bucket: Bucket, key: str, upload: str) -> None:
        """Remove the file and its journal."""
        check_key(key)
        with translated(key):
            await self._threads.run(self._disk.uploads.abort, bucket, key, upload)

    async def close(self) -> None:
        """Wait for calls under way, end the threads and let go of the drafts' folder."""
        await self._threads.close()
        self._disk.incoming.release()

    def local_path(self, bucket: Bucket, key: str) -> Path:
        """Where the object's bytes are, or would be. Read only."""
        check_key(key)
        return Path(self._disk.path(bucket, key))

    def scratch_root(self) -> Path:
        """A folder on the store's file system; `ensure` makes it and the sandbox keeps it tidy."""
        return Path(self._disk.scratch)

    async def free_bytes(self) -> int:
        """Bytes that can still be written."""
        with translated(""):
            return self._disk.free_bytes()

    async def _long(self, key: str, call: Callable[[threading.Event], Result]) -> Result:
        """Make a call that may copy many bytes; a cancellation ends it early."""
        stop = threading.Event()
        with translated(key):
            return await finished(self._threads.start(call, stop), hurry=stop.set)


def _next_batch(found: Iterator[ObjectInfo]) -> tuple[ObjectInfo, ...]:
    return tuple(islice(found, _LIST_BATCH))
