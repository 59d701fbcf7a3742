"""The part of the broker contract about receiving: sharing, waiting, cancelling, fair turns."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence

import pytest

from mediakiln.model.errors import LeaseLost
from mediakiln.ports.broker import Broker, Delivery
from mediakiln.testing.broker_tools import (
    LEASE,
    PATIENCE,
    TOPOLOGY,
    collect,
    made,
    take_one,
)


async def _drain(broker: Broker, seen: Counter[str], expected: int) -> None:
    while len(seen) < expected:
        batch = await broker.receive("work", "workers", limit=7, wait=0.2, lease=LEASE)
        seen.update(delivery.message.id for delivery in batch)
        await asyncio.gather(*(delivery.ack() for delivery in batch))


class BrokerReceiving:
    """Consumers of one group share its messages, promptly and fairly."""

    async def test_eight_consumers_share_500_messages_without_overlap(
        self, broker: Broker, second: Broker
    ) -> None:
        await broker.ensure(TOPOLOGY)
        seen: Counter[str] = Counter()
        async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
            for number in range(8):
                tasks.create_task(_drain((broker, second)[number % 2], seen, 500))
            for start in range(0, 500, 50):
                tasks.create_task(broker.publish("work", made(500)[start : start + 50]))
        assert seen == Counter(message.id for message in made(500))
        backlog = await second.backlog("work", "workers")
        assert (backlog.ready, backlog.leased) == (0, 0)

    async def test_no_more_than_the_limit_is_delivered(self, broker: Broker) -> None:
        await broker.ensure(TOPOLOGY)
        await broker.publish("work", made(10))
        assert 1 <= len(await broker.receive("work", "workers", limit=4, wait=2, lease=LEASE)) <= 4

    async def test_an_empty_group_returns_nothing_after_the_wait(self, broker: Broker) -> None:
        await broker.ensure(TOPOLOGY)
        began = time.monotonic()
        assert not await broker.receive("work", "workers", limit=1, wait=0.4, lease=LEASE)
        assert 0.35 <= time.monotonic() - began < PATIENCE / 2

    async def test_a_waiting_consumer_is_woken_by_a_message(
        self, broker: Broker, second: Broker
    ) -> None:
        await broker.ensure(TOPOLOGY)
        await second.ensure(TOPOLOGY)
        waiting = asyncio.create_task(
            second.receive("work", "workers", limit=1, wait=60, lease=LEASE)
        )
        await asyncio.sleep(0.3)
        began = time.monotonic()
        await broker.publish("work", made(1))
        (delivery,) = await asyncio.wait_for(waiting, PATIENCE)
        assert delivery.message.id == made(1)[0].id
        assert time.monotonic() - began < PATIENCE / 2

    async def test_every_waiting_consumer_gets_its_message(self, broker: Broker) -> None:
        await broker.ensure(TOPOLOGY)
        waiting = [
            asyncio.create_task(broker.receive("work", "workers", limit=1, wait=60, lease=LEASE))
            for _ in range(6)
        ]
        await asyncio.sleep(0.2)
        await broker.publish("work", made(6))
        batches = await asyncio.wait_for(asyncio.gather(*waiting), PATIENCE)
        assert sorted(d.message.id for batch in batches for d in batch) == [m.id for m in made(6)]

    async def test_a_waiting_consumer_sees_a_delayed_message_when_it_is_due(
        self, broker: Broker, second: Broker
    ) -> None:
        await broker.ensure(TOPOLOGY)
        await second.ensure(TOPOLOGY)
        waiting = asyncio.create_task(
            second.receive("work", "workers", limit=1, wait=60, lease=LEASE)
        )
        await asyncio.sleep(0.1)
        began = time.monotonic()
        await broker.publish("work", made(1), delay=0.6)
        (delivery,) = await asyncio.wait_for(waiting, PATIENCE)
        assert delivery.message.id == made(1)[0].id
        assert 0.6 <= time.monotonic() - began < PATIENCE / 2

    async def test_a_delayed_message_holds_no_other_up(self, broker: Broker) -> None:
        await broker.ensure(TOPOLOGY)
        later, now = made(2)
        await broker.publish("work", [later], delay=60)
        await broker.publish("work", [now])
        assert (await take_one(broker, "work", "workers")).message == now
        assert not await broker.receive("work", "workers", limit=1, wait=0.2, lease=LEASE)

    async def test_a_cancelled_receive_takes_nothing(self, broker: Broker) -> None:
        await broker.ensure(TOPOLOGY)
        waiting = asyncio.create_task(
            broker.receive("work", "workers", limit=10, wait=60, lease=LEASE)
        )
        await asyncio.sleep(0.2)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await broker.publish("work", made(3))
        assert len(await collect(broker, "work", "workers", 3)) == 3

    async def test_receives_cancelled_at_any_moment_lose_no_message(self, broker: Broker) -> None:
        await broker.ensure(TOPOLOGY)
        await broker.publish("work", made(60))
        kept: list[Delivery] = []
        for step in range(60):
            batch = await _cancelled_after(broker, step * 0.0003)
            kept += batch
        for delivery in kept:
            await delivery.ack()
        rest = await collect(broker, "work", "workers", 60 - len(kept))
        ids = [delivery.message.id for delivery in (*kept, *rest)]
        assert sorted(ids) == [message.id for message in made(60)]

    async def test_a_small_project_is_not_kept_waiting_by_a_big_one(self, broker: Broker) -> None:
        if not broker.capabilities.fair_shares:
            pytest.skip("this engine promises no fair shares")
        await broker.ensure(TOPOLOGY)
        await broker.publish("work", made(1000, project="big", prefix="b"))
        await broker.publish("work", made(1, project="small", prefix="s"))
        await broker.publish("work", made(1, project="tiny", prefix="t"))
        first = await collect(broker, "work", "workers", 6)
        assert {d.message.project for d in first} == {"big", "small", "tiny"}

    async def test_turns_go_round_when_messages_are_taken_one_by_one(self, broker: Broker) -> None:
        if not broker.capabilities.fair_shares:
            pytest.skip("this engine promises no fair shares")
        await broker.ensure(TOPOLOGY)
        for project in ("a", "b", "c"):
            await broker.publish("work", made(50, project=project, prefix=project))
        first = [await take_one(broker, "work", "workers") for _ in range(30)]
        taken = Counter(delivery.message.project for delivery in first)
        assert min(taken[project] for project in ("a", "b", "c")) >= 8

    async def test_concurrent_ends_of_one_delivery_let_one_win(self, broker: Broker) -> None:
        await broker.ensure(TOPOLOGY)
        await broker.publish("work", made(1))
        delivery = await take_one(broker, "work", "workers")
        ends = await asyncio.gather(
            *(delivery.ack() for _ in range(4)),
            *(delivery.bury("twice") for _ in range(4)),
            return_exceptions=True,
        )
        assert sum(end is None for end in ends) == 1
        assert sum(isinstance(end, LeaseLost) for end in ends) == 7


async def _cancelled_after(broker: Broker, seconds: float) -> Sequence[Delivery]:
    """Receive, cancelled after `seconds`: what came through, if it was quicker."""
    task = asyncio.ensure_future(
        broker.receive("work", "workers", limit=1, wait=5, lease=LEASE),
    )
    await asyncio.sleep(seconds)
    task.cancel()
    try:
        return await task
    except asyncio.CancelledError:
        return []
