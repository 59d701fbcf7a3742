"""The checksums that S3 clients choose: of a body, of a part, and of an object of parts.

Source: "Checking object integrity in Amazon S3" in the Amazon S3 User Guide.
"""

import base64
import hashlib
import zlib
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Final, Protocol

from pydantic import BaseModel, ConfigDict

from mediakiln.model.errors import ChecksumMismatch, InvalidRequest

KNOWN: Final = frozenset({"crc32", "crc32c", "crc64nvme", "sha1", "sha256", "sha512", "md5"})
"""Algorithms that are verified, by the names that headers end with."""


class Digest(Protocol):
    """What takes the checksum of bytes that pass."""

    def update(self, data: bytes, /) -> None:
        """Take further bytes in."""
        ...

    def digest(self) -> bytes:
        """Of all that were taken in."""
        ...


class Kind(StrEnum):
    """What an object's checksum is made of: its bytes, or the checksums of its parts."""

    FULL = "FULL_OBJECT"
    COMPOSITE = "COMPOSITE"


class Chosen(BaseModel):
    """The checksum that a client chose for an object of parts."""

    model_config = ConfigDict(frozen=True)

    algorithm: str
    kind: Kind


class Checksum(Chosen):
    """A checksum, in Base64; a composite one has `-` and the number of its parts behind it."""

    value: str

    def check(self, found: "Checksum") -> None:
        """Hold it, as a client announced it, against what the bytes give.

        Raises:
            ChecksumMismatch: they are others.
        """
        wanted, bare = self.value, found.value.partition("-")[0]
        if wanted != (found.value if "-" in wanted else bare):
            raise ChecksumMismatch(
                f"the {self.algorithm} of the object is {found.value}, not {wanted[:100]}",
                field=self.algorithm,
            )


class _Crc:
    """A running CRC of `size` bytes, sent with the highest byte first."""

    def __init__(self, run: Callable[[bytes, int], int], size: int) -> None:
        self._run = run
        self._size = size
        self._value = 0

    def update(self, data: bytes, /) -> None:
        self._value = self._run(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(self._size, "big")


def digest_of(algorithm: str) -> Digest:
    """What takes the checksum of one of the `KNOWN` algorithms."""
    if algorithm == "crc32":
        return _Crc(zlib.crc32, 4)
    if algorithm in _COMBINED:
        from awscrt import checksums

        return _Crc(getattr(checksums, algorithm), _COMBINED[algorithm])
    return hashlib.new(algorithm, usedforsecurity=algorithm != "md5")


_COMBINED: Final = {"crc32": 4, "crc32c": 4, "crc64nvme": 8}
"""Algorithms whose value for a whole follows from those of its parts, and the values' bytes."""


def choose(algorithm: str | None, kind: str | None) -> Chosen | None:
    """What a client chose by headers; None if it chose none.

    Raises:
        InvalidRequest: there is no such checksum, or an object has none of that kind.
    """
    if algorithm is None:
        if kind is not None:
            raise InvalidRequest("the type of a checksum needs its algorithm", field="type")
        return None
    name = check_known(algorithm.lower())
    usual = Kind.FULL if name == "crc64nvme" else Kind.COMPOSITE
    try:
        chosen = usual if kind is None else Kind(kind.upper())
    except ValueError:
        raise InvalidRequest(f"there is no checksum of type {kind!r}", field="type") from None
    fits = name in _COMBINED if chosen is Kind.FULL else name != "crc64nvme"
    if not fits:
        raise InvalidRequest(f"{name} is no checksum of type {chosen} of parts", field="type")
    return Chosen(algorithm=name, kind=chosen)


def check_known(algorithm: str) -> str:
    """The algorithm, if it is one that is verified.

    Raises:
        InvalidRequest: it is not; nothing is taken on trust.
    """
    if algorithm not in KNOWN:
        raise InvalidRequest(
            f"checksums of the algorithm {algorithm[:40]!r} cannot be verified here",
            field="algorithm",
            hint=f"use one of {', '.join(sorted(KNOWN))}",
        )
    return algorithm


def of_parts(chosen: Chosen, parts: Sequence[tuple[str | None, int]]) -> Checksum:
    """The checksum of an object of parts, by theirs (in Base64) and their sizes in bytes.

    Costs nothing per byte.

    Raises:
        InvalidRequest: a part has none of that algorithm.
    """
    name = chosen.algorithm
    values = [None if value is None else base64.b64decode(value) for value, _ in parts]
    digests = [value for value in values if value is not None]
    if len(digests) != len(parts):
        raise InvalidRequest(
            f"the parts were sent without {name}, so that of the object cannot be verified",
            field=name,
            hint="name the algorithm when the upload begins",
        )
    if chosen.kind is Kind.COMPOSITE:
        whole = digest_of(name)
        whole.update(b"".join(digests))
        value = f"{_text(whole.digest())}-{len(parts)}"
    else:
        value = _text(_combined(name, digests, [size for _, size in parts]))
    return Checksum(algorithm=name, kind=chosen.kind, value=value)


def _combined(name: str, digests: Sequence[bytes], sizes: Sequence[int]) -> bytes:
    from awscrt import checksums

    combine = getattr(checksums, f"combine_{name}")
    value = 0
    for digest, size in zip(digests, sizes, strict=True):
        value = combine(value, int.from_bytes(digest, "big"), size)
    return int(value).to_bytes(_COMBINED[name], "big")


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()
