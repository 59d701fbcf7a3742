"""The object store contract: what many callers do to one another."""

import asyncio

import pytest

from mediakiln.model.errors import AlreadyExists, ObjectMissing
from mediakiln.model.keys import Bucket
from mediakiln.ports.object_store import ObjectInfo, ObjectStore
from mediakiln.testing.object_store_tools import keys_of, pattern, read_all

_RACERS = 12


class RaceTests:
    """`second` is another connection to the same objects where there can be one."""

    @pytest.mark.parametrize("size", [100, 3_000_000])
    async def test_of_writers_racing_for_a_free_key_exactly_one_wins(
        self, store: ObjectStore, second: ObjectStore, size: int
    ) -> None:
        async def race(number: int, key: str) -> ObjectInfo:
            engine = (store, second)[number % 2]
            if number % 3:
                return await engine.put(Bucket.INPUT, key, pattern(size, number), if_absent=True)
            async with engine.writer(Bucket.INPUT, key, if_absent=True) as writer:
                await writer.write(pattern(size, number))
                return await writer.commit()

        for turn in range(5):
            key = f"race/{turn}/manifest"
            came = await asyncio.gather(
                *(race(n, key) for n in range(_RACERS)), return_exceptions=True
            )
            winners = [n for n, outcome in enumerate(came) if isinstance(outcome, ObjectInfo)]
            losers = [outcome for outcome in came if isinstance(outcome, AlreadyExists)]
            assert (len(winners), len(losers)) == (1, _RACERS - 1)
            assert await second.get(Bucket.INPUT, key) == pattern(size, winners[0])
            assert await store.head(Bucket.INPUT, key) == came[winners[0]]
        assert len(await keys_of(store)) == 5

    async def test_a_reader_sees_the_old_bytes_or_the_new_ones_whole(
        self, store: ObjectStore, second: ObjectStore
    ) -> None:
        versions = [pattern(2_500_000 + n, n) for n in range(4)]
        await store.put(Bucket.INPUT, "k", versions[0])
        done = asyncio.Event()

        async def overwrite() -> None:
            for turn in range(24):
                async with store.writer(Bucket.INPUT, "k") as writer:
                    await writer.write(versions[turn % 4])
                    await writer.commit()
                await asyncio.sleep(0)
            done.set()

        async def read() -> int:
            turns = 0
            while not done.is_set():
                assert await read_all(second, "k") in versions
                assert await second.get(Bucket.INPUT, "k") in versions
                turns += 1
                await asyncio.sleep(0)
            return turns

        _, turns = await asyncio.gather(overwrite(), read())
        assert turns > 0

    async def test_neighbours_coming_and_going_cost_no_writer_its_object(
        self, store: ObjectStore, second: ObjectStore
    ) -> None:
        async def churn(engine: ObjectStore, name: str) -> None:
            for turn in range(40):
                key = f"deep/er/{turn % 2}/{name}"
                await engine.put(Bucket.INPUT, key, name.encode())
                assert await engine.get(Bucket.INPUT, key) == name.encode()
                await engine.delete(Bucket.INPUT, [key])

        async with asyncio.TaskGroup() as group:
            for number in range(6):
                group.create_task(churn((store, second)[number % 2], f"n{number}"))
        assert await keys_of(store) == []

    async def test_deleting_while_copying_gives_a_whole_copy_or_none(
        self, store: ObjectStore, second: ObjectStore
    ) -> None:
        data = pattern(1_500_000)
        for turn in range(10):
            await store.put(Bucket.INPUT, "from", data)
            target = (Bucket.ARCHIVE, f"to/{turn}")
            copied, _ = await asyncio.gather(
                store.copy((Bucket.INPUT, "from"), target),
                second.delete(Bucket.INPUT, ["from"]),
                return_exceptions=True,
            )
            if isinstance(copied, ObjectMissing):
                assert await store.head(*target) is None
            else:
                assert isinstance(copied, ObjectInfo)
                assert await store.get(*target) == data
