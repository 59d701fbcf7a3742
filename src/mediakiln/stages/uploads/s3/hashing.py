"""The digests that S3 clients announce and compare, taken while the bytes pass."""

import base64
import hashlib
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Final, Protocol

from mediakiln.model.errors import ChecksumMismatch, IncompleteUpload


class _Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...
    def digest(self) -> bytes: ...


class _Crc32:
    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes, /) -> None:
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4, "big")


def _made(name: str) -> _Digest:
    if name == "crc32":
        return _Crc32()
    return hashlib.new(name, usedforsecurity=name != "md5")


KNOWN: Final = frozenset({"md5", "sha256", "sha1", "crc32"})
"""Digests that are verified. CRC32C and CRC64NVME are not: nothing here computes them fast."""


class Hashed:
    """A body on its way, of `size` bytes if that is known, and its digests.

    `announced` are digests by name, as bytes; more may be added while the body arrives, since
    some clients send them behind it.
    """

    def __init__(
        self,
        chunks: AsyncIterator[bytes],
        *,
        announced: Mapping[str, bytes],
        also: frozenset[str] = frozenset(),
        size: int | None = None,
    ) -> None:
        self._chunks = chunks
        self._size = size
        self.announced = {name: value for name, value in announced.items() if name in KNOWN}
        self._digests = {name: _made(name) for name in {"md5", *self.announced, *(also & KNOWN)}}
        self.count = 0

    @property
    def md5(self) -> str:
        """Of what has passed, in hexadecimal digits."""
        return self._digests["md5"].digest().hex()

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        """The chunks. Ends only if all that was announced holds.

        Raises:
            ChecksumMismatch: the bytes are others than were announced.
            IncompleteUpload: they are fewer or more.
        """
        async for chunk in self._chunks:
            self.count += len(chunk)
            for digest in self._digests.values():
                digest.update(chunk)
            yield chunk
        if self._size is not None and self.count != self._size:
            raise IncompleteUpload(
                f"{self._size} bytes were announced and {self.count} arrived",
                limit=self._size,
                value=self.count,
            )
        for name, wanted in self.announced.items():
            if name not in self._digests:
                continue
            found = self._digests[name].digest()
            if found != wanted:
                raise ChecksumMismatch(
                    f"the {name} of the bytes is {base64.b64encode(found).decode()}, "
                    f"not {base64.b64encode(wanted).decode()}",
                    field=name,
                )


def of_parts(md5s: list[str]) -> str:
    """The ETag of an object of parts: the MD5 of their MD5s, and their number."""
    joined = b"".join(bytes.fromhex(each) for each in md5s)
    return f"{hashlib.md5(joined, usedforsecurity=False).hexdigest()}-{len(md5s)}"
