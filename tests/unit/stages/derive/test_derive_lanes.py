"""Lanes: who waits, and who is refused."""

import asyncio

import pytest

from mediakiln.model.errors import Overloaded
from mediakiln.stages.derive import Lane


async def test_who_would_wait_too_long_is_refused_though_there_is_a_place() -> None:
    lane = Lane("slow", workers=1, most_waiting=64, most_wait_s=60.0, usual_s=30.0)
    go = asyncio.Event()

    async def work() -> None:
        async with lane.place():
            await go.wait()

    begun = [asyncio.create_task(work()) for _ in range(3)]
    await asyncio.sleep(0)
    assert lane.waiting == 2
    with pytest.raises(Overloaded) as refused:
        lane.check()
    assert refused.value.context["retry_after"] == 60
    go.set()
    await asyncio.gather(*begun)
    lane.check()


async def test_a_free_place_is_given_however_long_it_takes() -> None:
    lane = Lane("slow", workers=1, most_waiting=64, most_wait_s=60.0, usual_s=300.0)
    async with lane.place():
        with pytest.raises(Overloaded):
            lane.check()
    async with lane.place():
        pass


async def test_nobody_waits_for_longer_than_was_reckoned_with() -> None:
    lane = Lane("slow", workers=1, most_waiting=64, most_wait_s=0.05)
    async with lane.place():
        with pytest.raises(Overloaded) as refused:
            async with lane.place():
                pass
        assert refused.value.context["limit"] == 0.05
        assert lane.waiting == 0
    async with lane.place():
        pass
