"""The checksum extension of tus 1.0.0: the algorithms, and a checksum that is awaited."""

import hashlib
import zlib
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from blake3 import blake3

from mediakiln.model.errors import ChecksumMismatch, InvalidRequest


class Digest(Protocol):
    """A hash in the making."""

    def update(self, data: bytes, /) -> object:
        """Take bytes in."""
        ...

    def digest(self) -> bytes:
        """The hash of all bytes so far."""
        ...


class Crc32:
    """CRC-32 as in ISO 3309; four bytes, the highest first."""

    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes, /) -> None:
        """Take bytes in."""
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        """The checksum of all bytes so far."""
        return self._value.to_bytes(4, "big")


def _insecure(name: str) -> Callable[[], Digest]:
    return lambda: hashlib.new(name, usedforsecurity=False)


ALGORITHMS: Final[Mapping[str, Callable[[], Digest]]] = {
    "sha1": _insecure("sha1"),
    "sha256": hashlib.sha256,
    "sha512": hashlib.sha512,
    "md5": _insecure("md5"),
    "crc32": Crc32,
    "blake3": blake3,
}
"""By the names the protocol's headers use."""


class Checksum:
    """What a request's body must hash to."""

    def __init__(self, algorithm: str, expected: bytes) -> None:
        """Await `expected`.

        Raises:
            InvalidRequest: the algorithm is none of `ALGORITHMS`.
        """
        if algorithm not in ALGORITHMS:
            raise InvalidRequest(
                f"the checksum algorithm {algorithm[:32]!r} is not supported",
                field="Upload-Checksum",
                allowed=list(ALGORITHMS),
            )
        self._algorithm = algorithm
        self._expected = expected
        self._digest = ALGORITHMS[algorithm]()

    def update(self, data: bytes) -> None:
        """Take bytes of the body in."""
        self._digest.update(data)

    def verify(self) -> None:
        """Compare, once the body is complete.

        Raises:
            ChecksumMismatch: it is another.
        """
        if self._digest.digest() != self._expected:
            raise ChecksumMismatch(
                f"the {self._algorithm} of the bytes that arrived is another",
                field="Upload-Checksum",
                hint="nothing of the request was kept; send it again",
            )
