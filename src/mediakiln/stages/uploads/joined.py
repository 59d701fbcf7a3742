"""Parts on stores that have none: objects of their own until they are joined.

An upload is the folder `.parts/{token}/` of its bucket, with a note of what it will be and one
object a part, named by its number. Completion reads them all and writes the object: it costs
two passes over the bytes through this process, and their room twice for as long as it takes.
"""

import json
import re
import secrets
from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import Final, Self

from blake3 import blake3

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
    max_object_bytes=656_000 << 20,
    open_ended=True,
)
"""What the engines' writers stream into one object is the limit: 640 GiB."""
_TOKEN = re.compile(r"[0-9a-f]{32}")
_NOTE = "note.json"
_DIGITS = 6


class JoinedParts:
    """A `Multipart` over any object store. Offsets are not kept: the numbers are the order."""

    part_rules = RULES

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def begin(self, bucket: Bucket, key: str) -> str:
        """Open an upload."""
        await self._store.head(bucket, key)  # which refuses a key that is none
        token = secrets.token_hex(16)
        await self._store.put(bucket, _note_key(token), json.dumps({"key": key}).encode())
        return token

    def part_writer(
        self, bucket: Bucket, key: str, upload: str, number: int, *, offset: int, size: int | None
    ) -> "JoinedPartWriter":
        """Write one part, streaming. Of several writers of one part, the last to commit wins."""
        RULES.check(number, offset=offset, size=size)
        return JoinedPartWriter(self, bucket, key, upload, number, size)

    async def parts(self, bucket: Bucket, key: str, upload: str) -> Sequence[Part]:
        """The parts that are there, by number."""
        await self.check(bucket, key, upload)
        return [part async for part in self._parts(bucket, upload)]

    async def read_part(
        self, bucket: Bucket, key: str, upload: str, part: Part
    ) -> AsyncIterator[bytes]:
        """A part's bytes."""
        await self.check(bucket, key, upload)
        place = _part_key(upload, part.number)
        for moment in ("before", "after"):
            info = await self._store.head(bucket, place)
            if info is None or (info.size, info.etag) != (part.size, part.etag):
                raise InvalidPart(f"there is no such part {part.number}", part=part.number)
            if moment == "before":
                async for chunk in self._store.stream(bucket, place):
                    yield chunk

    async def complete(
        self, bucket: Bucket, key: str, upload: str, parts: Sequence[Part]
    ) -> ObjectInfo:
        """Join the parts.

        Raises:
            InvalidPart: a part is missing, was replaced, or is out of order.
            NotFound: there is no such upload, and no such object.
        """
        try:
            await self.check(bucket, key, upload)
            RULES.check_all(parts)
            info = await self._joined(bucket, key, upload, parts)
        except (NotFound, InvalidPart, ObjectMissing):
            # Perhaps another call joined the parts and cleared them, before this one or meanwhile.
            done = await self._completed(bucket, key, upload, parts)
            if done is None:
                raise
            return done
        await self.abort(bucket, key, upload)
        return info

    async def abort(self, bucket: Bucket, key: str, upload: str) -> None:
        """Delete the note, with which the upload ends, and the parts."""
        if not _TOKEN.fullmatch(upload):
            return
        try:
            await self.check(bucket, key, upload)
            await self._store.delete(bucket, [_note_key(upload)])
        except NotFound:
            if await self._has_note(bucket, upload):
                return
        keys = [info.key async for info in self._store.list(bucket, _folder(upload))]
        if keys:
            await self._store.delete(bucket, keys)

    async def check(self, bucket: Bucket, key: str, upload: str) -> None:
        """Look whether there is such an upload.

        Raises:
            NotFound: there is none.
        """
        if not _TOKEN.fullmatch(upload):
            raise _missing(key)
        try:
            note = json.loads(await self._store.get(bucket, _note_key(upload)))
        except ObjectMissing as error:
            raise _missing(key) from error
        if note["key"] != key:
            raise _missing(key)

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

    async def _check_parts(self, bucket: Bucket, upload: str, parts: Sequence[Part]) -> None:
        there = {part.number: part async for part in self._parts(bucket, upload)}
        for part in parts:
            if there.get(part.number) != part:
                raise InvalidPart(f"there is no such part {part.number}", part=part.number)

    async def _joined(
        self, bucket: Bucket, key: str, upload: str, parts: Sequence[Part]
    ) -> ObjectInfo:
        await self._check_parts(bucket, upload, parts)
        there = await self._store.head(bucket, key)
        if there is not None and not await self._is_joined(bucket, there, upload, parts):
            return await self._join(bucket, key, upload, parts, if_absent=False)
        try:
            return there or await self._join(bucket, key, upload, parts, if_absent=True)
        except AlreadyExists:
            there = await self._store.head(bucket, key)
            if there is None or not await self._is_joined(bucket, there, upload, parts):
                raise
            return there

    async def _join(
        self, bucket: Bucket, key: str, upload: str, parts: Sequence[Part], *, if_absent: bool
    ) -> ObjectInfo:
        async with self._store.writer(bucket, key, if_absent=if_absent) as writer:
            async for chunk in self._bytes(bucket, upload, parts):
                await writer.write(chunk)
            # One that was replaced while it was read is noticed here.
            await self._check_parts(bucket, upload, parts)
            return await writer.commit()

    async def _is_joined(
        self, bucket: Bucket, there: ObjectInfo, upload: str, parts: Sequence[Part]
    ) -> bool:
        """Whether an object has the parts' bytes: then another call wrote it, or might have."""
        if there.size != sum(part.size for part in parts):
            return False
        wanted, found = blake3(), blake3()
        async for chunk in self._bytes(bucket, upload, parts):
            wanted.update(chunk)
        async for chunk in self._store.stream(bucket, there.key):
            found.update(chunk)
        return wanted.digest() == found.digest()

    async def _bytes(
        self, bucket: Bucket, upload: str, parts: Sequence[Part]
    ) -> AsyncIterator[bytes]:
        for part in parts:
            async for chunk in self._store.stream(bucket, _part_key(upload, part.number)):
                yield chunk

    async def _completed(
        self, bucket: Bucket, key: str, upload: str, parts: Sequence[Part]
    ) -> ObjectInfo | None:
        """What a completed upload made."""
        if await self._has_note(bucket, upload):
            return None
        info = await self._store.head(bucket, key)
        return info if info and info.size == sum(part.size for part in parts) else None

    async def _has_note(self, bucket: Bucket, upload: str) -> bool:
        is_token = _TOKEN.fullmatch(upload) is not None
        return is_token and await self._store.head(bucket, _note_key(upload)) is not None


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
            await self._owner.check(self._bucket, self._key, self._upload)
        except NotFound:
            await self._owner.drop(self._bucket, self._upload, self._number)
            raise
        return Part(self._number, info.size, info.etag)

    async def __aenter__(self) -> Self:
        await self._owner.check(self._bucket, self._key, self._upload)
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


def _note_key(upload: str) -> str:
    return f"{_folder(upload)}{_NOTE}"


def _part_key(upload: str, number: int) -> str:
    return f"{_folder(upload)}{number:0{_DIGITS}d}"


def _missing(key: str) -> NotFound:
    return NotFound("there is no such upload", key=key)
