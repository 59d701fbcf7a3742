"""`BrokerContract`: what every broker engine must pass.

Subclass it with a `broker` fixture; override `second` where another connection can reach the
same topics, as another process would:

    class TestMyBroker(BrokerContract):
        @pytest.fixture
        async def broker(self, tmp_path):
            broker = MyBroker.from_url(...)
            yield broker
            await broker.close()
"""

import asyncio

import pytest

from mediakiln.model.errors import (
    EngineUnavailable,
    InvalidRequest,
    LimitExceeded,
    NotFound,
)
from mediakiln.model.messages import MAX_MESSAGE_BYTES, Message
from mediakiln.ports.broker import MAX_DELAY_S, Broker
from mediakiln.testing.broker_leases import BrokerLeases
from mediakiln.testing.broker_receiving import BrokerReceiving
from mediakiln.testing.broker_tools import LEASE, TOPOLOGY, collect, ids_of, made, take_one


class BrokerPublishing:
    """Who gets what was published, and what is refused."""

    @pytest.fixture
    async def second(self, broker: Broker) -> Broker:
        """Another connection to the same topics; the same one where there can be no other."""
        return broker

    async def test_every_group_gets_every_message(self, broker: Broker) -> None:
        await broker.ensure(TOPOLOGY)
        sent = made(20)
        await broker.publish("fan", sent)
        for group in TOPOLOGY["fan"]:
            assert sorted(await ids_of(broker, "fan", group, 20)) == [m.id for m in sent]

    async def test_an_ack_in_one_group_leaves_the_others_alone(self, broker: Broker) -> None:
        await broker.ensure(TOPOLOGY)
        await broker.publish("fan", made(1))
        await (await take_one(broker, "fan", "left")).ack()
        assert (await broker.backlog("fan", "left")).ready == 0
        assert (await take_one(broker, "fan", "right")).message == made(1)[0]

    async def test_a_message_arrives_as_it_was_sent(self, broker: Broker) -> None:
        await broker.ensure(TOPOLOGY)
        body = bytes(range(256)) * (MAX_MESSAGE_BYTES // 256)
        sent = [
            Message(id="full", key="schlüssel/\u202e☃", project="p-1", body=body),
            Message(id="empty", key="", project="default", body=b""),
            Message(id="nul", key="k", project="p 2", body=b"\x00\xff\xfe" * 1000),
        ]
        await broker.publish("work", sent)
        got = await collect(broker, "work", "workers", 3)
        assert {d.message.id: d.message for d in got} == {m.id: m for m in sent}

    async def test_what_one_connection_publishes_another_receives(
        self, broker: Broker, second: Broker
    ) -> None:
        await broker.ensure(TOPOLOGY)
        await second.ensure(TOPOLOGY)
        await broker.publish("work", made(3))
        assert sorted(await ids_of(second, "work", "workers", 3)) == [m.id for m in made(3)]

    async def test_a_body_above_64_kib_is_refused_with_its_whole_batch(
        self, broker: Broker
    ) -> None:
        await broker.ensure(TOPOLOGY)
        big = Message(id="big", key="k", body=b"x" * (MAX_MESSAGE_BYTES + 1))
        with pytest.raises(LimitExceeded) as caught:
            await broker.publish("work", [*made(2), big])
        assert caught.value.context["limit"] == MAX_MESSAGE_BYTES
        assert caught.value.context["value"] == MAX_MESSAGE_BYTES + 1
        assert not await broker.receive("work", "workers", limit=10, wait=0, lease=LEASE)

    async def test_an_empty_batch_publishes_nothing(self, broker: Broker) -> None:
        await broker.ensure(TOPOLOGY)
        await broker.publish("work", [])
        assert not await broker.receive("work", "workers", limit=1, wait=0, lease=LEASE)

    async def test_two_messages_of_one_id_are_two_messages(self, broker: Broker) -> None:
        await broker.ensure(TOPOLOGY)
        twin = Message(id="twin", key="k", body=b"1")
        await broker.publish("work", [twin, twin])
        await broker.publish("work", [twin])
        first, other, third = await collect(broker, "work", "workers", 3)
        await first.ack()
        await other.extend(LEASE)
        await third.ack()
        assert (await broker.backlog("work", "workers")).leased == 1

    async def test_a_message_for_one_group_is_seen_by_it_alone(self, broker: Broker) -> None:
        await broker.ensure(TOPOLOGY)
        await broker.publish("fan", made(1), group="right")
        assert (await take_one(broker, "fan", "right")).message.id == made(1)[0].id
        assert not await broker.receive("fan", "left", limit=1, wait=0.2, lease=LEASE)

    async def test_a_new_group_does_not_see_what_came_before_it(self, broker: Broker) -> None:
        await broker.ensure({"fan": ["left"]})
        old, new = made(2)
        await broker.publish("fan", [old])
        await broker.ensure({"fan": ["left", "late"]})
        await broker.publish("fan", [new])
        assert sorted(await ids_of(broker, "fan", "left", 2)) == [old.id, new.id]
        assert await ids_of(broker, "fan", "late", 1) == [new.id]
        assert not await broker.receive("fan", "late", limit=5, wait=0.2, lease=LEASE)

    async def test_a_topic_without_groups_takes_messages_and_keeps_none(
        self, broker: Broker
    ) -> None:
        await broker.ensure({"nobody": []})
        await broker.publish("nobody", made(1))
        await broker.ensure({"nobody": ["somebody"]})
        assert not await broker.receive("nobody", "somebody", limit=1, wait=0.1, lease=LEASE)

    async def test_ensure_again_and_in_parallel_changes_nothing(
        self, broker: Broker, second: Broker
    ) -> None:
        await asyncio.gather(*(b.ensure(TOPOLOGY) for b in (broker, second) for _ in range(8)))
        await broker.publish("work", made(5))
        await asyncio.gather(*(b.ensure(TOPOLOGY) for b in (broker, second) for _ in range(8)))
        assert sorted(await ids_of(second, "work", "workers", 5)) == [m.id for m in made(5)]
        assert not await broker.receive("work", "workers", limit=9, wait=0, lease=LEASE)

    async def test_unknown_topics_and_groups_are_not_found(self, broker: Broker) -> None:
        await broker.ensure(TOPOLOGY)
        with pytest.raises(NotFound):
            await broker.publish("nowhere", made(1))
        with pytest.raises(NotFound):
            await broker.publish("work", made(1), group="nobody")
        with pytest.raises(NotFound):
            await broker.receive("nowhere", "workers", limit=1, wait=0, lease=LEASE)
        with pytest.raises(NotFound):
            await broker.receive("work", "nobody", limit=1, wait=5, lease=LEASE)
        with pytest.raises(NotFound):
            await broker.backlog("work", "nobody")
        assert not await broker.receive("work", "workers", limit=1, wait=0, lease=LEASE)

    @pytest.mark.parametrize("delay", [-1.0, MAX_DELAY_S + 1.0, float("nan"), float("inf")])
    async def test_a_delay_out_of_range_is_refused(self, broker: Broker, delay: float) -> None:
        await broker.ensure(TOPOLOGY)
        with pytest.raises(InvalidRequest):
            await broker.publish("work", made(1), delay=delay)
        await broker.publish("work", made(1))
        delivery = await take_one(broker, "work", "workers")
        with pytest.raises(InvalidRequest):
            await delivery.retry(delay)
        await delivery.ack()

    @pytest.mark.parametrize(("limit", "wait", "lease"), [(0, 0, 1), (1, -1, 1), (1, 0, 0)])
    async def test_an_impossible_receive_is_refused(
        self, broker: Broker, limit: int, wait: float, lease: float
    ) -> None:
        await broker.ensure(TOPOLOGY)
        with pytest.raises(InvalidRequest):
            await broker.receive("work", "workers", limit=limit, wait=wait, lease=lease)

    async def test_a_closed_broker_refuses_and_closes_again_in_peace(self, broker: Broker) -> None:
        await broker.ensure(TOPOLOGY)
        waiting = asyncio.create_task(
            broker.receive("work", "workers", limit=1, wait=20, lease=LEASE)
        )
        await asyncio.sleep(0.1)
        await broker.close()
        await broker.close()
        with pytest.raises(EngineUnavailable):
            await asyncio.wait_for(waiting, 5)
        with pytest.raises(EngineUnavailable):
            await broker.publish("work", made(1))


class BrokerContract(BrokerPublishing, BrokerLeases, BrokerReceiving):
    """All of it; see the module's docstring for how to use it."""
