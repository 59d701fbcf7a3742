"""The multipart contract: how parts are written."""

import asyncio
import tracemalloc

import pytest

from mediakiln.model.errors import InvalidPart, NotFound
from mediakiln.model.keys import Bucket
from mediakiln.ports.multipart import Multipart, Part, ReadableParts
from mediakiln.ports.object_store import ObjectStore
from mediakiln.testing.multipart_tools import (
    KEY,
    assert_gone,
    begun,
    cut,
    listed_parts,
    offsets,
    write,
    written,
)
from mediakiln.testing.object_store_tools import assert_absent, pattern

_BIG = 96 << 20
_HELD = 48 << 20


class PartWritingTests:
    """Bytes in."""

    streams = True
    """Whether a part may be larger than memory."""
    many = 1_100
    """So many parts that a listing of them has several pages."""

    async def test_parts_come_in_any_order_in_parallel_and_over_any_connection(
        self, store: ObjectStore, parts: Multipart, second_parts: Multipart
    ) -> None:
        upload = await begun(parts)
        pieces = cut(parts, 9)
        places = list(offsets(pieces))
        made: dict[int, Part] = {}

        async def send(index: int) -> None:
            door = (parts, second_parts)[index % 2]
            made[index] = await write(door, upload, index + 1, pieces[index], offset=places[index])

        for few in ((7, 3, 8), (0, 2), (5, 1, 6, 4)):
            await asyncio.gather(*(send(index) for index in few))
            there = await listed_parts(second_parts, upload)
            assert there == [made[index] for index in sorted(made)]
            await assert_absent(store, KEY)
        info = await second_parts.complete(Bucket.INPUT, KEY, upload, there)
        assert info.size == sum(map(len, pieces))
        assert await store.get(Bucket.INPUT, KEY) == b"".join(pieces)
        assert await store.head(Bucket.INPUT, KEY) == info
        await assert_gone(parts, upload)

    async def test_a_part_is_read_before_it_is_an_object_and_only_as_it_is_now(
        self, parts: Multipart, second_parts: Multipart, second: ObjectStore
    ) -> None:
        readers = [each for each in (second_parts, second) if isinstance(each, ReadableParts)]
        if not readers:
            pytest.skip("parts cannot be read here")

        async def read(part: Part, upload: str) -> bytes:
            chunks = readers[0].read_part(Bucket.INPUT, KEY, upload, part)
            return b"".join([chunk async for chunk in chunks])

        upload = await begun(parts)
        pieces = cut(parts, 3)
        made = await written(parts, upload, pieces)
        assert [await read(part, upload) for part in made] == pieces
        other = await write(parts, upload, 2, pieces[1][::-1], offset=len(pieces[0]))
        assert await read(other, upload) == pieces[1][::-1]
        for missing in (made[1], Part(9, 1, "0")):
            with pytest.raises(InvalidPart):
                await read(missing, upload)
        await parts.abort(Bucket.INPUT, KEY, upload)
        with pytest.raises(NotFound):
            await read(other, upload)

    async def test_a_part_tells_its_number_and_size_and_an_etag_of_its_bytes(
        self, parts: Multipart
    ) -> None:
        upload = await begun(parts)
        seen = set()
        for turn in range(12):
            part = await write(parts, upload, 2, f"{turn:06d}".encode())
            assert (part.number, part.size) == (2, 6)
            assert await listed_parts(parts, upload) == [part]
            seen.add(part.etag)
        assert len(seen) == 12

    async def test_a_part_written_again_counts_instead_of_the_older_one(
        self, store: ObjectStore, parts: Multipart
    ) -> None:
        upload = await begun(parts)
        old = await write(parts, upload, 1, pattern(2_000_000, 1))
        new = await write(parts, upload, 1, pattern(1_999_999, 2))
        assert await listed_parts(parts, upload) == [new]
        with pytest.raises(InvalidPart):
            await parts.complete(Bucket.INPUT, KEY, upload, [old])
        await parts.complete(Bucket.INPUT, KEY, upload, [new])
        assert await store.get(Bucket.INPUT, KEY) == pattern(1_999_999, 2)

    @pytest.mark.parametrize("size", [1, 1_048_576, 3_000_001])
    async def test_a_part_in_chunks_of_any_size_is_what_was_sent(
        self, store: ObjectStore, parts: Multipart, size: int
    ) -> None:
        upload = await begun(parts)
        data = pattern(size)
        memory = bytearray(70_001)
        writer = parts.part_writer(Bucket.INPUT, KEY, upload, 1, offset=0, size=size)
        async with writer:
            for start in range(0, size, len(memory)):
                piece = data[start : start + len(memory)]
                memory[: len(piece)] = piece  # the writer must not hold on to it
                await writer.write(memoryview(memory)[: len(piece)])
                await writer.write(b"")
            part = await writer.commit()
        await parts.complete(Bucket.INPUT, KEY, upload, [part])
        assert await store.get(Bucket.INPUT, KEY) == data

    async def test_what_no_part_can_be_is_refused_at_once(self, parts: Multipart) -> None:
        upload = await begun(parts)
        rules = parts.part_rules
        for number, offset, size in (
            (0, 0, 1),
            (-1, 0, 1),
            (rules.max_parts + 1, 0, 1),
            (1, 0, 0),
            (1, 0, -1),
            (1, -1, 1),
            (1, 0, rules.max_bytes + 1),
            (1, rules.max_object_bytes, 1),
        ):
            with pytest.raises(InvalidPart):
                parts.part_writer(Bucket.INPUT, KEY, upload, number, offset=offset, size=size)
        await write(parts, upload, rules.max_parts, b"x", offset=5)

    async def test_more_parts_than_one_page_are_listed_by_number(self, parts: Multipart) -> None:
        upload = await begun(parts)

        async def send(first: int) -> list[Part]:
            numbers = range(first, self.many + 1, 10)
            return [await write(parts, upload, n, b"x", offset=n - 1) for n in numbers]

        lanes = await asyncio.gather(*(send(first) for first in range(1, 11)))
        made = [part for lane in lanes for part in lane]
        there = await listed_parts(parts, upload)
        assert there == sorted(made, key=lambda part: part.number)
        assert len(there) == self.many
        if parts.part_rules.min_bytes == 1:
            info = await parts.complete(Bucket.INPUT, KEY, upload, there)
            assert info.size == self.many
        else:
            await parts.abort(Bucket.INPUT, KEY, upload)

    async def test_a_large_part_is_not_held_in_memory(
        self, store: ObjectStore, parts: Multipart
    ) -> None:
        if not self.streams:
            pytest.skip("memory is this engine's store")
        upload = await begun(parts)
        chunk = pattern(1 << 20)
        tracemalloc.start()
        try:
            async with parts.part_writer(
                Bucket.INPUT, KEY, upload, 1, offset=0, size=_BIG
            ) as writer:
                for _ in range(_BIG >> 20):
                    await writer.write(chunk)
                part = await writer.commit()
            await parts.complete(Bucket.INPUT, KEY, upload, [part])
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < _HELD
        found = await store.head(Bucket.INPUT, KEY)
        assert found is not None
        assert found.size == _BIG
