"""The multipart contract: how parts are written."""

import asyncio
import tracemalloc
from contextlib import AsyncExitStack, suppress

import pytest

from mediakiln.model.errors import InvalidPart, MediakilnError, NotFound, UploadBusy
from mediakiln.model.keys import Bucket
from mediakiln.ports.multipart import Multipart, Part
from mediakiln.ports.object_store import ObjectStore
from mediakiln.testing.multipart_tools import (
    KEY,
    assert_gone,
    begun,
    cut,
    listed_parts,
    offsets,
    unit,
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
    ends_for_good = True
    """Whether a part under way when its upload ends leaves nothing, or something to be swept."""
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

    @pytest.mark.parametrize("sent", [0, 5, 1_999_999, 2_000_001, 4_000_000])
    async def test_another_number_of_bytes_than_announced_makes_no_part(
        self, parts: Multipart, sent: int
    ) -> None:
        upload = await begun(parts)
        for _ in range(2):
            with pytest.raises(InvalidPart):
                await self._announced(parts, upload, 2_000_000, sent)
            assert await listed_parts(parts, upload) == []
        await write(parts, upload, 1, pattern(2_000_000))

    async def _announced(self, parts: Multipart, upload: str, size: int | None, sent: int) -> Part:
        async with parts.part_writer(Bucket.INPUT, KEY, upload, 1, offset=0, size=size) as writer:
            for start in range(0, sent, 500_000):
                await writer.write(bytes(min(500_000, sent - start)))
            return await writer.commit()

    async def test_a_part_of_unknown_size_ends_where_it_is_committed(
        self, store: ObjectStore, parts: Multipart
    ) -> None:
        upload = await begun(parts)
        if not parts.part_rules.open_ended:
            with pytest.raises(InvalidPart):
                await self._announced(parts, upload, None, 5)
            return
        with pytest.raises(InvalidPart):
            await self._announced(parts, upload, None, 0)
        first = await self._announced(parts, upload, None, 2_500_000)
        assert first.size == 2_500_000
        second = await write(parts, upload, 2, b"end", offset=2_500_000)
        await parts.complete(Bucket.INPUT, KEY, upload, [first, second])
        assert await store.get(Bucket.INPUT, KEY) == bytes(2_500_000) + b"end"

    @pytest.mark.parametrize("size", [0, 10, 3_000_000])
    async def test_a_writer_left_without_commit_leaves_no_part(
        self, parts: Multipart, size: int
    ) -> None:
        upload = await begun(parts)
        kept = await write(parts, upload, 1, pattern(1_000_000))

        async def fail() -> None:
            async with parts.part_writer(
                Bucket.INPUT, KEY, upload, 2, offset=1_000_000, size=4_000_000
            ) as writer:
                await writer.write(pattern(size))
                raise ZeroDivisionError

        for _ in range(2):
            with pytest.raises(ZeroDivisionError):
                await fail()
            assert await listed_parts(parts, upload) == [kept]

    async def test_a_part_half_written_again_is_the_old_one_whole_or_none(
        self, parts: Multipart
    ) -> None:
        upload = await begun(parts)
        old = await write(parts, upload, 1, pattern(3_000_000, 1))
        async with parts.part_writer(
            Bucket.INPUT, KEY, upload, 1, offset=0, size=3_000_000
        ) as writer:
            await writer.write(pattern(2_000_000, 2))
        assert await listed_parts(parts, upload) in ([], [old])

    async def test_a_cancelled_part_is_none_and_can_be_written_at_once(
        self, parts: Multipart
    ) -> None:
        upload = await begun(parts)
        started = asyncio.Event()

        async def send() -> None:
            async with parts.part_writer(
                Bucket.INPUT, KEY, upload, 1, offset=0, size=1 << 30
            ) as writer:
                while True:
                    await writer.write(pattern(1_500_000))
                    started.set()
                    await asyncio.sleep(0)

        for _ in range(5):
            started.clear()
            task = asyncio.create_task(send())
            await started.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await listed_parts(parts, upload) == []
        part = await write(parts, upload, 1, pattern(3_000_000))
        assert await listed_parts(parts, upload) == [part]

    async def test_of_two_writers_of_a_part_one_is_refused_or_one_wins_whole(
        self, store: ObjectStore, parts: Multipart, second_parts: Multipart
    ) -> None:
        upload = await begun(parts)
        size = 2_500_000
        doors = (parts, second_parts)
        made: list[Part] = []
        busy = 0
        async with AsyncExitStack() as stack:
            writers = []
            for seed, door in enumerate(doors):
                writer = door.part_writer(Bucket.INPUT, KEY, upload, 1, offset=0, size=size)
                try:
                    writers.append((seed, await stack.enter_async_context(writer)))
                except UploadBusy:
                    busy += 1
            for start in range(0, size, 500_000):
                for seed, writer in writers:
                    await writer.write(pattern(size, seed)[start : start + 500_000])
            made = [await writer.commit() for _, writer in writers]
        assert len(made) + busy == 2
        assert made
        there = await listed_parts(parts, upload)
        assert there[0] in made
        await parts.complete(Bucket.INPUT, KEY, upload, there)
        assert await store.get(Bucket.INPUT, KEY) in [pattern(size, seed) for seed in (0, 1)]

    async def test_a_writer_is_of_no_use_after_its_end(self, parts: Multipart) -> None:
        upload = await begun(parts)
        writer = parts.part_writer(Bucket.INPUT, KEY, upload, 1, offset=0, size=4)
        async with writer:
            await writer.write(b"once")
            part = await writer.commit()
        with pytest.raises(MediakilnError):
            await writer.write(b"more")
        with pytest.raises(MediakilnError):
            await writer.commit()
        assert await listed_parts(parts, upload) == [part]

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

    async def test_a_part_of_an_upload_that_ends_meanwhile_changes_nothing(
        self, store: ObjectStore, parts: Multipart, second_parts: Multipart
    ) -> None:
        upload = await begun(parts)
        first = await written(parts, upload, cut(parts, 1, last=unit(parts)))

        async def late() -> None:
            async with parts.part_writer(
                Bucket.INPUT, KEY, upload, 2, offset=first[0].size, size=3_000_000
            ) as writer:
                await writer.write(pattern(1_500_000))
                await second_parts.complete(Bucket.INPUT, KEY, upload, first)
                await writer.write(pattern(1_500_000))
                await writer.commit()

        with suppress(NotFound):
            await late()
        assert await store.get(Bucket.INPUT, KEY) == pattern(unit(parts), 0)
        if self.ends_for_good:
            await assert_gone(parts, upload)
