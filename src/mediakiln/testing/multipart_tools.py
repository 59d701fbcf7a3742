"""What the multipart contract's tests share."""

from collections.abc import Iterable, Sequence

import pytest

from mediakiln.model.errors import NotFound
from mediakiln.model.keys import Bucket
from mediakiln.ports.multipart import Multipart, Part
from mediakiln.testing.object_store_tools import pattern

KEY = "default/2026/01/01/upload"


async def begun(parts: Multipart, key: str = KEY) -> str:
    """A new upload's token."""
    return await parts.begin(Bucket.INPUT, key)


async def write(
    parts: Multipart, upload: str, number: int, data: bytes, *, offset: int = 0, key: str = KEY
) -> Part:
    """Write a part whole, in pieces."""
    writer = parts.part_writer(Bucket.INPUT, key, upload, number, offset=offset, size=len(data))
    async with writer:
        for start in range(0, len(data), 1 << 20):
            await writer.write(memoryview(data)[start : start + (1 << 20)])
        return await writer.commit()


async def listed_parts(parts: Multipart, upload: str, key: str = KEY) -> list[Part]:
    """The durable parts."""
    return list(await parts.parts(Bucket.INPUT, key, upload))


async def assert_gone(parts: Multipart, upload: str, key: str = KEY) -> None:
    """There is no such upload, whichever way one asks."""
    with pytest.raises(NotFound):
        await parts.parts(Bucket.INPUT, key, upload)
    with pytest.raises(NotFound):
        await write(parts, upload, 1, b"x", key=key)


def unit(parts: Multipart) -> int:
    """Bytes of a part that need not be the last."""
    return max(parts.part_rules.min_bytes, 300_000)


def cut(parts: Multipart, count: int, *, last: int = 1) -> list[bytes]:
    """Data for so many parts, all different; the last of `last` bytes."""
    sizes = [unit(parts)] * (count - 1) + [last]
    return [pattern(size, seed) for seed, size in enumerate(sizes)]


def offsets(pieces: Sequence[bytes]) -> Iterable[int]:
    """Where each piece begins."""
    position = 0
    for piece in pieces:
        yield position
        position += len(piece)


async def written(
    parts: Multipart, upload: str, pieces: Sequence[bytes], key: str = KEY
) -> list[Part]:
    """Write all pieces one after the other, numbered from 1."""
    return [
        await write(parts, upload, number, piece, offset=offset, key=key)
        for number, (piece, offset) in enumerate(zip(pieces, offsets(pieces), strict=True), start=1)
    ]
