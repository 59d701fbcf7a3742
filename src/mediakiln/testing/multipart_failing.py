"""The multipart contract: parts that come to nothing, and writers that meet."""

import asyncio
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
    unit,
    write,
    written,
)
from mediakiln.testing.object_store_tools import pattern


class FailingPartTests:
    """Bytes that are too few, too many or too late."""

    ends_for_good = True
    """Whether a part under way when its upload ends leaves nothing, or something to be swept."""

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
