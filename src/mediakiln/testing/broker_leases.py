"""The part of the broker contract about deliveries: leases, retries and dead letters."""

import asyncio
import time
from datetime import UTC, datetime

import pytest

from mediakiln.model.deadletter import DeadLetter
from mediakiln.model.errors import LeaseLost, NotFound
from mediakiln.model.messages import MAX_MESSAGE_BYTES, Message
from mediakiln.model.topology import DEAD
from mediakiln.ports.broker import Broker, Delivery
from mediakiln.testing.broker_tools import (
    LEASE,
    PATIENCE,
    SHORT_LEASE,
    TOPOLOGY,
    collect,
    made,
    take_one,
)


async def act(delivery: Delivery, action: str) -> None:
    """Do to a delivery what `action` names."""
    match action:
        case "ack":
            await delivery.ack()
        case "retry":
            await delivery.retry()
        case "extend":
            await delivery.extend(LEASE)
        case _:
            await delivery.bury("given up")


ACTIONS = pytest.mark.parametrize("action", ["ack", "retry", "extend", "bury"])
ENDINGS = pytest.mark.parametrize("ending", ["ack", "retry", "bury"])


class BrokerLeases:
    """A message is with one consumer at a time, until that one ends it or falls silent."""

    @pytest.fixture
    async def heir(self, second: Broker) -> Broker:
        """Whoever gets a message whose lease lapsed.

        Any connection; the holder's own where an engine gives others nothing while it lives.
        """
        return second

    async def test_a_leased_message_is_not_delivered_again(self, broker: Broker) -> None:
        await broker.ensure(TOPOLOGY)
        await broker.publish("work", made(1))
        delivery = await take_one(broker, "work", "workers")
        assert delivery.attempt == 1
        assert not await broker.receive("work", "workers", limit=1, wait=0.3, lease=LEASE)
        await delivery.ack()
        assert not await broker.receive("work", "workers", limit=1, wait=0.3, lease=LEASE)

    async def test_a_lapsed_lease_gives_the_message_to_another_consumer(
        self, broker: Broker, heir: Broker
    ) -> None:
        await broker.ensure(TOPOLOGY)
        await broker.publish("work", made(1))
        first = await take_one(broker, "work", "workers", lease=SHORT_LEASE)
        began = time.monotonic()
        again = await take_one(heir, "work", "workers")
        assert again.message == first.message
        assert time.monotonic() - began < PATIENCE / 2
        if broker.capabilities.counts_attempts:
            assert again.attempt == 2
        await again.ack()

    @ACTIONS
    async def test_acting_on_a_message_another_consumer_holds_is_refused(
        self, broker: Broker, heir: Broker, action: str
    ) -> None:
        await broker.ensure(TOPOLOGY)
        await broker.publish("work", made(1))
        late = await take_one(broker, "work", "workers", lease=SHORT_LEASE)
        current = await take_one(heir, "work", "workers")
        with pytest.raises(LeaseLost):
            await act(late, action)
        await current.extend(LEASE)
        await current.ack()
        assert not await broker.receive(DEAD, "dead", limit=1, wait=0, lease=LEASE)

    @ACTIONS
    async def test_acting_after_the_lapse_is_refused_though_nobody_took_it(
        self, broker: Broker, action: str
    ) -> None:
        await broker.ensure(TOPOLOGY)
        await broker.publish("work", made(1))
        late = await take_one(broker, "work", "workers", lease=SHORT_LEASE)
        await asyncio.sleep(SHORT_LEASE + 0.1)
        with pytest.raises(LeaseLost):
            await act(late, action)
        assert (await take_one(broker, "work", "workers")).message.id == late.message.id

    @ENDINGS
    @ACTIONS
    async def test_an_ended_delivery_cannot_be_acted_on_again(
        self, broker: Broker, ending: str, action: str
    ) -> None:
        await broker.ensure(TOPOLOGY)
        await broker.publish("work", made(1))
        delivery = await take_one(broker, "work", "workers")
        await act(delivery, ending)
        with pytest.raises(LeaseLost):
            await act(delivery, action)
        buried = await broker.backlog(DEAD, "dead")
        assert buried.ready == (1 if ending == "bury" else 0)

    async def test_an_extended_lease_outlives_its_first_length(self, broker: Broker) -> None:
        await broker.ensure(TOPOLOGY)
        await broker.publish("work", made(1))
        delivery = await take_one(broker, "work", "workers", lease=SHORT_LEASE)
        for _ in range(3):
            await asyncio.sleep(SHORT_LEASE / 2)
            await delivery.extend(SHORT_LEASE)
        assert not await broker.receive("work", "workers", limit=1, wait=0, lease=LEASE)
        await delivery.ack()
        await asyncio.sleep(SHORT_LEASE)
        assert not await broker.receive("work", "workers", limit=1, wait=0, lease=LEASE)

    async def test_an_extension_counts_from_now_and_may_shorten_the_lease(
        self, broker: Broker
    ) -> None:
        await broker.ensure(TOPOLOGY)
        await broker.publish("work", made(1))
        delivery = await take_one(broker, "work", "workers", lease=LEASE)
        await delivery.extend(SHORT_LEASE)
        again = await take_one(broker, "work", "workers")
        assert again.message.id == delivery.message.id

    async def test_a_retried_message_comes_back_at_once(self, broker: Broker) -> None:
        await broker.ensure(TOPOLOGY)
        await broker.publish("work", made(1))
        for _ in range(5):
            await (await take_one(broker, "work", "workers")).retry()
        last = await take_one(broker, "work", "workers")
        if broker.capabilities.counts_attempts:
            assert last.attempt == 6

    async def test_a_retry_waits_at_least_its_delay(self, broker: Broker) -> None:
        await broker.ensure(TOPOLOGY)
        await broker.publish("work", made(1))
        delivery = await take_one(broker, "work", "workers")
        began = time.monotonic()
        await delivery.retry(0.5)
        again = await take_one(broker, "work", "workers")
        assert 0.5 <= time.monotonic() - began < PATIENCE / 2
        assert again.message == delivery.message

    async def test_a_retry_is_seen_by_its_own_group_alone(self, broker: Broker) -> None:
        await broker.ensure(TOPOLOGY)
        await broker.publish("fan", made(1))
        await (await take_one(broker, "fan", "right")).ack()
        await (await take_one(broker, "fan", "left")).retry()
        assert (await take_one(broker, "fan", "left")).message.id == made(1)[0].id
        assert not await broker.receive("fan", "right", limit=1, wait=0.2, lease=LEASE)

    async def test_a_buried_message_becomes_a_dead_letter(self, broker: Broker) -> None:
        await broker.ensure(TOPOLOGY)
        body = bytes(range(256)) * (MAX_MESSAGE_BYTES // 256)
        lost = Message(id="lost", key="asset", project="p-7", body=body)
        await broker.publish("fan", [lost])
        await (await take_one(broker, "fan", "left")).retry()
        delivery = await take_one(broker, "fan", "left")
        await delivery.bury("no such codec: \u2603\x00")
        carrier = await take_one(broker, DEAD, "dead")
        letter = DeadLetter.read(carrier.message)
        assert letter.message() == lost
        assert (letter.topic, letter.group) == ("fan", "left")
        assert letter.reason == "no such codec: \u2603\x00"
        assert letter.attempts == delivery.attempt
        assert abs((datetime.now(UTC) - letter.buried_at).total_seconds()) < 60
        assert carrier.message.project == "p-7"
        assert not await broker.receive("fan", "left", limit=1, wait=0, lease=LEASE)
        assert (await take_one(broker, "fan", "right")).message == lost

    async def test_a_bury_without_a_place_for_dead_letters_keeps_the_message(
        self, broker: Broker
    ) -> None:
        await broker.ensure({"work": ("workers",)})
        await broker.publish("work", made(1))
        delivery = await take_one(broker, "work", "workers")
        with pytest.raises(NotFound):
            await delivery.bury("given up")
        await delivery.retry()
        assert (await take_one(broker, "work", "workers")).message.id == made(1)[0].id

    async def test_the_backlog_counts_ready_leased_and_delayed(self, broker: Broker) -> None:
        await broker.ensure(TOPOLOGY)
        await broker.publish("work", made(7))
        await broker.publish("work", made(2), delay=60)
        leased = await collect(broker, "work", "workers", 3)
        await leased[0].ack()
        await leased[1].retry(60)
        await asyncio.sleep(0.1)
        backlog = await broker.backlog("work", "workers")
        assert (backlog.ready, backlog.leased, backlog.delayed) == (4, 1, 3)
        if broker.capabilities.oldest_age:
            assert backlog.oldest_age_s is not None
            assert 0.1 <= backlog.oldest_age_s < 60
        empty = await broker.backlog("fan", "left")
        assert (empty.ready, empty.leased, empty.delayed) == (0, 0, 0)
        assert empty.oldest_age_s is None

    async def test_the_backlog_counts_a_lapsed_lease_as_ready(self, broker: Broker) -> None:
        await broker.ensure(TOPOLOGY)
        await broker.publish("work", made(2))
        await take_one(broker, "work", "workers", lease=SHORT_LEASE)
        await asyncio.sleep(SHORT_LEASE + 0.1)
        backlog = await broker.backlog("work", "workers")
        assert (backlog.ready, backlog.leased) == (2, 0)
