"""Parts on stores that have none: objects of their own until they are joined.

An upload is the folder `.parts/{token}/` of its bucket, with a note of what it will be and one
object a part, named by its number. Completion reads them all and writes the object: it costs
two passes over the bytes through this process, and their room twice for as long as it takes.
"""

import json
import secrets
from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import Final, Self

from mediakiln.model.errors import (
    AlreadyExists,
    InvalidPart,
    NotFound,
    NotSupported,
    ObjectMissing,
)
from mediakiln.model.keys import PARTS_PREFIX, Bucket
from mediakiln.ports.multipart import Part, PartRules
from mediakiln.ports.object_store import ObjectInfo, ObjectStore, Writer

RULES: Final = PartRules(
    min_bytes=1,
    max_bytes=5 << 30,
    max_parts=10_000,
    max_object_bytes=5 << 40,
    open_ended=True,
)
_NOTE = "note.json"
_DIGITS = 6


class JoinedParts:
    """A `Multipart` over any object store. Offsets are not kept: the numbers are the order."""

    part_rules = RULES

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def begin(self, bucket: Bucket, key: str) -> str:
        """Open an upload; notes the object that is there already, which it will replace."""
        token = secrets.token_hex(16)
        there = await self._store.head(bucket, key)
        note = {"key": key, "replaces": there.etag if there is not None else None}
        await self._store.put(bucket, f"{_folder(token)}{_NOTE}", json.dumps(note).encode())
        return token

    def part_writer(
        self, bucket: Bucket, key: str, upload: str, number: int, *, offset: int, size: int | None
    ) -> "JoinedPartWriter":
        """Write one part, streaming. Of several writers of one part, the last to commit wins."""
        RULES.check(number, offset=offset, size=size)
        return JoinedPartWriter(self, bucket, key, upload, number, size)

    async def parts(self, bucket: Bucket, key: str, upload: str) -> Sequence[Part]:
        """The parts that are there, by number."""
        await self.note(bucket, key, upload)
        return [part async for part in self._parts(bucket, upload)]

    async def complete(
        self, bucket: Bucket, key: str, upload: str, parts: Sequence[Part]
    ) -> ObjectInfo:
        """Join the parts.

        Raises:
            InvalidPart: a part is missing, was replaced, or is out of order.
            NotFound: there is no such upload, and no such object.
        """
        try:
            replaces = await self.note(bucket, key, upload)
        except NotFound:
            info = await self._store.head(bucket, key)
            if info is None or info.size != sum(part.size for part in parts):
                raise
            return info
        RULES.check_all(parts)
        try:
            info = await self._join(bucket, key, upload, parts, if_absent=replaces is None)
        except AlreadyExists:  # by another call, whose answer was lost or is on its way
            there = await self._store.head(bucket, key)
            if there is None:
                raise
            info = there
        await self.abort(bucket, key, upload)
        return info

    async def abort(self, bucket: Bucket, key: str, upload: str) -> None:
        """Delete the parts; the note goes last, so that a crash leaves what can be repeated."""
        del key
        folder = _folder(upload)
        keys = [info.key async for info in self._store.list(bucket, folder)]
        note = f"{folder}{_NOTE}"
        await self._store.delete(bucket, [key for key in keys if key != note])
        await self._store.delete(bucket, [note])

    async def note(self, bucket: Bucket, key: str, upload: str) -> str | None:
        """The etag of the object that the upload will replace, if any.

        Raises:
            NotFound: there is no such upload.
        """
        try:
            note = json.loads(await self._store.get(bucket, f"{_folder(upload)}{_NOTE}"))
        except ObjectMissing as error:
            raise NotFound("there is no such upload", key=key) from error
        if note["key"] != key:
            raise NotFound("there is no such upload", key=key)
        replaces: str | None = note["replaces"]
        return replaces

    def open(self, bucket: Bucket, upload: str, number: int) -> Writer:
        """The writer of a part's object."""
        return self._store.writer(bucket, _part_key(upload, number))

    async def drop(self, bucket: Bucket, upload: str, number: int) -> None:
        """Delete a part's object."""
        await self._store.delete(bucket, [_part_key(upload, number)])

    async def _parts(self, bucket: Bucket, upload: str) -> AsyncIterator[Part]:
        folder = _folder(upload)
        async for info in self._store.list(bucket, folder):
            name = info.key.removeprefix(folder)
            if name != _NOTE:
                yield Part(int(name), info.size, info.etag)

    async def _check(self, bucket: Bucket, upload: str, parts: Sequence[Part]) -> None:
        there = {part.number: part async for part in self._parts(bucket, upload)}
        for part in parts:
            if there.get(part.number) != part:
                raise InvalidPart(f"there is no such part {part.number}", part=part.number)

    async def _join(
        self, bucket: Bucket, key: str, upload: str, parts: Sequence[Part], *, if_absent: bool
    ) -> ObjectInfo:
        await self._check(bucket, upload, parts)
        async with self._store.writer(bucket, key, if_absent=if_absent) as writer:
            for part in parts:
                async for chunk in self._store.stream(bucket, _part_key(upload, part.number)):
                    await writer.write(chunk)
            # One that was replaced while it was read is noticed here.
            await self._check(bucket, upload, parts)
            return await writer.commit()


class JoinedPartWriter:
    """Streams a part into an object of its own."""

    def __init__(
        self,
        owner: JoinedParts,
        bucket: Bucket,
        key: str,
        upload: str,
        number: int,
        size: int | None,
    ) -> None:
        self._owner = owner
        self._bucket = bucket
        self._key = key
        self._upload = upload
        self._number = number
        self._announced = size
        self._size = 0
        self._writer: Writer | None = None

    async def write(self, chunk: bytes | memoryview) -> None:
        """Append bytes; a view's memory may be used again at once."""
        writer = self._opened()
        self._size += len(chunk) if isinstance(chunk, bytes) else chunk.nbytes
        limit = RULES.max_bytes if self._announced is None else self._announced
        if self._size > limit:
            raise InvalidPart("more bytes came than were announced", part=self._number, limit=limit)
        await writer.write(chunk)

    async def commit(self) -> Part:
        """Make the part durable."""
        writer = self._opened()
        if self._size != (self._announced or max(self._size, 1)):
            raise InvalidPart(f"{self._size} bytes came", part=self._number, limit=self._announced)
        info = await writer.commit()
        try:
            await self._owner.note(self._bucket, self._key, self._upload)
        except NotFound:
            await self._owner.drop(self._bucket, self._upload, self._number)
            raise
        return Part(self._number, info.size, info.etag)

    async def __aenter__(self) -> Self:
        await self._owner.note(self._bucket, self._key, self._upload)
        writer = self._owner.open(self._bucket, self._upload, self._number)
        self._writer = await writer.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            await writer.__aexit__(kind, error, trace)

    def _opened(self) -> Writer:
        if self._writer is None:
            raise NotSupported("The writer is closed.", part=self._number)
        return self._writer


def _folder(upload: str) -> str:
    return f"{PARTS_PREFIX}{upload}/"


def _part_key(upload: str, number: int) -> str:
    return f"{_folder(upload)}{number:0{_DIGITS}d}"
