"""Parts in this process's memory."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

from blake3 import blake3

from mediakiln.adapters.object_store.chunks import Chunks
from mediakiln.model.errors import InvalidPart, NotFound, NotSupported, UploadBusy
from mediakiln.model.keys import Bucket
from mediakiln.ports.multipart import Part, PartRules
from mediakiln.ports.object_store import ObjectInfo

RULES: Final = PartRules(
    min_bytes=1,
    max_bytes=1 << 40,
    max_parts=100_000,
    max_object_bytes=1 << 40,
    open_ended=True,
)

Keep = Callable[[Bucket, str, Sequence[bytes]], ObjectInfo]
"""Makes an object of pieces."""


@dataclass(slots=True)
class _Kept:
    part: Part
    offset: int
    data: bytes


@dataclass(slots=True)
class _Upload:
    bucket: Bucket
    key: str
    parts: dict[int, _Kept] = field(default_factory=dict)
    busy: set[int] = field(default_factory=set)

    def get(self, part: Part) -> _Kept:
        """A part that is there.

        Raises:
            InvalidPart: it is not, or no longer.
        """
        found = self.parts.get(part.number)
        if found is None or found.part != part:
            raise InvalidPart(f"there is no such part {part.number}", part=part.number)
        return found


class MemoryUploads:
    """The uploads of one memory store, by their tokens."""

    def __init__(self) -> None:
        self._uploads: dict[str, _Upload] = {}

    def begin(self, bucket: Bucket, key: str) -> str:
        """Open an upload."""
        token = secrets.token_hex(16)
        self._uploads[token] = _Upload(bucket, key)
        return token

    def writer(
        self, bucket: Bucket, key: str, token: str, number: int, *, offset: int, size: int | None
    ) -> "MemoryPartWriter":
        """A writer of one part."""
        RULES.check(number, offset=offset, size=size)
        return MemoryPartWriter(lambda: self.find(bucket, key, token), number, offset, size)

    def find(self, bucket: Bucket, key: str, token: str) -> _Upload:
        """The upload.

        Raises:
            NotFound: there is none.
        """
        upload = self._uploads.get(token)
        if upload is None or (upload.bucket, upload.key) != (bucket, key):
            raise NotFound("there is no such upload", key=key)
        return upload

    def parts(self, bucket: Bucket, key: str, token: str) -> list[Part]:
        """The parts, by number."""
        kept = self.find(bucket, key, token).parts
        return [kept[number].part for number in sorted(kept)]

    def data(self, bucket: Bucket, key: str, token: str, part: Part) -> bytes:
        """A part's bytes."""
        return self.find(bucket, key, token).get(part).data

    def complete(
        self, bucket: Bucket, key: str, token: str, parts: Sequence[Part], keep: Keep
    ) -> ObjectInfo:
        """Make an object of the parts, and forget the upload."""
        upload = self.find(bucket, key, token)
        RULES.check_all(parts)
        pieces, position = [], 0
        for part in parts:
            found = upload.get(part)
            if found.offset != position:
                raise InvalidPart(
                    f"part {part.number} does not begin where the one before it ends",
                    part=part.number,
                    value=found.offset,
                    limit=position,
                )
            pieces.append(found.data)
            position += part.size
        info = keep(bucket, key, pieces)
        del self._uploads[token]
        return info

    def abort(self, bucket: Bucket, key: str, token: str) -> None:
        """Forget the upload, if there is one."""
        upload = self._uploads.get(token)
        if upload is not None and (upload.bucket, upload.key) == (bucket, key):
            del self._uploads[token]

    def clear(self) -> None:
        """Forget all uploads."""
        self._uploads.clear()


class MemoryPartWriter:
    """Gathers a part's bytes until they are committed."""

    def __init__(
        self, find: Callable[[], _Upload], number: int, offset: int, size: int | None
    ) -> None:
        self._find = find
        self._number = number
        self._offset = offset
        self._size = size
        self._chunks = Chunks()
        self._upload: _Upload | None = None

    async def write(self, chunk: bytes | memoryview) -> None:
        """Append bytes; a view's memory may be used again at once."""
        self._opened()
        self._chunks.add(chunk)
        if self._size is not None and self._chunks.size > self._size:
            raise InvalidPart("more bytes came than were announced", part=self._number)

    async def commit(self) -> Part:
        """Make the part known."""
        upload = self._opened()
        if self._chunks.size != (self._size or max(self._chunks.size, 1)):
            raise InvalidPart(
                f"{self._chunks.size} bytes came", part=self._number, limit=self._size
            )
        self._find()
        data = b"".join(self._chunks.take())
        part = Part(self._number, len(data), blake3(data).hexdigest())
        upload.parts[self._number] = _Kept(part, self._offset, data)
        self._release()
        return part

    async def __aenter__(self) -> Self:
        upload = self._find()
        if self._number in upload.busy:
            raise UploadBusy(f"part {self._number} is being written", part=self._number)
        upload.busy.add(self._number)
        self._upload = upload
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._chunks.take()
        self._release()

    def _opened(self) -> _Upload:
        if self._upload is None:
            raise NotSupported("The writer is closed.", part=self._number)
        return self._upload

    def _release(self) -> None:
        if self._upload is not None:
            self._upload.busy.discard(self._number)
            self._upload = None
