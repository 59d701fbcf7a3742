"""The digests that S3 clients announce and compare, taken while the bytes pass."""

import base64
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping

from mediakiln.model.errors import ChecksumMismatch, IncompleteUpload
from mediakiln.stages.uploads.s3.checksums import digest_of


class Hashed:
    """A body on its way, and its digests.

    Args:
        chunks: the body.
        announced: digests by algorithm, as bytes.
        expected: algorithms whose digests are announced behind the body, by `announce`.
        also: algorithms whose digests are wanted, whoever announces them.
        size: the body's bytes, if that is known.
    """

    def __init__(
        self,
        chunks: AsyncIterator[bytes],
        *,
        announced: Mapping[str, bytes],
        expected: frozenset[str] = frozenset(),
        also: frozenset[str] = frozenset(),
        size: int | None = None,
    ) -> None:
        self._chunks = chunks
        self._size = size
        self.expected = expected
        self._announced = dict(announced)
        names = {"md5", *announced, *expected, *also}
        self._digests = {name: digest_of(name) for name in names}
        self.count = 0

    @property
    def md5(self) -> str:
        """Of what has passed, in hexadecimal digits."""
        return self._digests["md5"].digest().hex()

    def announce(self, algorithm: str, digest: bytes) -> None:
        """Say a digest that is `expected`, before the body's end."""
        self._announced[algorithm] = digest

    def checksum(self, algorithm: str) -> str:
        """Of what has passed, in Base64; only of an algorithm that was named at the start."""
        return base64.b64encode(self._digests[algorithm].digest()).decode()

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        """The chunks. Ends only if all that was announced holds.

        Raises:
            ChecksumMismatch: the bytes are others than were announced.
            IncompleteUpload: they are fewer or more, or an expected digest did not come.
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
        if missing := self.expected - self._announced.keys():
            raise IncompleteUpload(f"the body ended without its {', '.join(sorted(missing))}")
        for name, wanted in self._announced.items():
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
