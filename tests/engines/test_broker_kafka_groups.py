"""What a consumer group makes of the contract: partitions that move, offsets that lag."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import cast

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka import Message as Record

from mediakiln.adapters.broker.kafka import KafkaBroker
from mediakiln.model.errors import LeaseLost
from mediakiln.ports.broker import Delivery
from mediakiln.testing.broker_tools import LEASE, TOPOLOGY, collect, made, take_one
from support.kafka import address, peer, rest, said
from support.servers import server

pytestmark = [pytest.mark.engines, pytest.mark.xdist_group("kafka-groups")]


@pytest.fixture
def servers() -> str:
    return server("KAFKA", "kafka")


@pytest.fixture
def url(servers: str) -> Iterator[str]:
    with address(servers) as url:
        yield url


@pytest.fixture
async def broker(url: str) -> AsyncIterator[KafkaBroker]:
    broker = KafkaBroker.from_url(url)
    await broker.ensure(TOPOLOGY)
    yield broker
    await broker.close()


async def drained(broker: KafkaBroker, patience: float = 2.0) -> list[str]:
    """Receive and ack until nothing came for a while."""
    ids: list[str] = []
    while batch := await broker.receive("work", "workers", limit=50, wait=patience, lease=LEASE):
        await asyncio.gather(*(delivery.ack() for delivery in batch))
        ids += [delivery.message.id for delivery in batch]
    return ids


def committed(servers: str, url: str) -> int:
    """The group's committed offsets in the topic `work`, summed."""
    prefix = url.partition("prefix=")[2].partition("&")[0]
    consumer = Consumer({"bootstrap.servers": servers, "group.id": f"{prefix}workers"})
    try:
        places = [TopicPartition(f"{prefix}work", number) for number in range(2)]
        return sum(max(0, place.offset) for place in consumer.committed(places, timeout=10))
    finally:
        consumer.close()


async def test_a_job_longer_than_max_poll_interval_keeps_its_partition(servers: str) -> None:
    with address(servers, poll=3, session=3, partitions=1) as url:
        broker = KafkaBroker.from_url(url)
        await broker.ensure(TOPOLOGY)
        await broker.publish("work", made(2))
        long = await take_one(broker, "work", "workers")
        await asyncio.sleep(8)
        await long.ack()
        assert (await take_one(broker, "work", "workers")).message.id != long.message.id
        await broker.close()


async def test_a_static_member_is_back_without_a_rebalance(servers: str) -> None:
    with address(servers, instance="test", session=6) as url:
        stays, goes = KafkaBroker.from_url(url), KafkaBroker.from_url(url)
        await stays.ensure(TOPOLOGY)
        for broker in (stays, goes):
            assert not await broker.receive("work", "workers", limit=1, wait=3, lease=LEASE)
        before = dict(stays._seats["workers"].member.lanes)
        await goes.close()
        back = KafkaBroker.from_url(url)
        await stays.publish("work", made(40))
        ids = set()
        for broker in (stays, back):
            batches = [await broker.receive("work", "workers", limit=40, wait=3, lease=LEASE)]
            batches.append(await broker.receive("work", "workers", limit=40, wait=1, lease=LEASE))
            ids |= {delivery.message.id for batch in batches for delivery in batch}
        assert ids == {message.id for message in made(40)}
        after = stays._seats["workers"].member.lanes
        assert after == before, "the very same lanes: nothing was given up or assigned anew"
        await stays.close()
        await back.close()


async def test_only_the_contiguous_prefix_is_committed_and_a_restart_repeats_the_rest(
    servers: str,
) -> None:
    with address(servers, partitions=1) as url:
        broker = KafkaBroker.from_url(url)
        await broker.ensure(TOPOLOGY)
        await broker.publish("work", made(10))
        held = await collect(broker, "work", "workers", 10)
        for delivery in (*held[:3], *held[5:]):
            await delivery.ack()
        backlog = await broker.backlog("work", "workers")
        assert (backlog.ready, backlog.leased) == (0, 2)
        assert committed(servers, url) == 3
        await broker.close()
        after = KafkaBroker.from_url(url)
        again = [d.message.id for d in await collect(after, "work", "workers", 7)]
        assert again == [message.id for message in made(10)[3:]]
        await after.close()


async def test_everything_acked_in_any_order_is_committed(servers: str, url: str) -> None:
    broker = KafkaBroker.from_url(url)
    await broker.ensure(TOPOLOGY)
    await broker.publish("work", made(40))
    for delivery in reversed(await collect(broker, "work", "workers", 40)):
        await delivery.ack()
    assert committed(servers, url) == 40
    await broker.close()


@pytest.mark.faults
async def test_a_killed_consumers_messages_come_to_another(broker: KafkaBroker, url: str) -> None:
    with peer("hold", url) as process:
        await broker.publish("work", made(20))
        held = await asyncio.to_thread(said, process, 20)
        process.send_signal(signal.SIGKILL)
    assert len(set(held)) == 20
    assert sorted(await drained(broker, patience=15)) == [message.id for message in made(20)]


@pytest.mark.faults
async def test_what_a_killed_consumer_acked_in_order_does_not_come_again(
    servers: str,
) -> None:
    with address(servers, partitions=1) as url:
        broker = KafkaBroker.from_url(url)
        await broker.ensure(TOPOLOGY)
        await broker.publish("work", made(300))
        with peer("consume", url) as process:
            acked = await asyncio.to_thread(said, process, 60)
            process.send_signal(signal.SIGKILL)
            acked += rest(process)
        back = await drained(broker, patience=12)
        assert not set(acked) & set(back)
        assert len(set(acked) | set(back)) >= 299, "at most an ack that was not told yet"
        await broker.close()


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.timeout(300)
async def test_members_that_come_and_go_under_load_lose_nothing(servers: str) -> None:
    with address(servers, partitions=4, prefetch=20, handover=1) as url:
        broker = KafkaBroker.from_url(url)
        await broker.ensure(TOPOLOGY)
        seen: set[str] = set()
        enough = asyncio.Event()
        feeding = asyncio.create_task(_feed(broker, enough))
        working = asyncio.create_task(_work(broker, seen, feeding))
        for round in range(4):
            with peer("take", url) as process:
                seen.update(await asyncio.to_thread(said, process, 20))
                process.send_signal(signal.SIGKILL if round % 2 else signal.SIGINT)
                seen.update(await asyncio.to_thread(rest, process))
        enough.set()
        fed = await feeding
        await asyncio.wait([working], timeout=120)
        assert not fed - seen
        await broker.close()


async def _feed(broker: KafkaBroker, enough: asyncio.Event) -> set[str]:
    """Publish for as long as members come and go, so that each finds work; gives the ids."""
    fed: set[str] = set()
    while not enough.is_set():
        messages = made(20, prefix=f"{len(fed)}-")
        await broker.publish("work", messages)
        fed.update(message.id for message in messages)
        await asyncio.sleep(0.1)
    return fed


async def _work(broker: KafkaBroker, seen: set[str], feeding: asyncio.Task[set[str]]) -> None:
    while not feeding.done() or feeding.result() - seen:
        batch = await broker.receive("work", "workers", limit=8, wait=1, lease=LEASE)
        seen.update(delivery.message.id for delivery in batch)
        await asyncio.sleep(0.01)
        await asyncio.gather(*(_ack(delivery) for delivery in batch))


async def _ack(delivery: Delivery) -> None:
    with suppress(LeaseLost):
        await delivery.ack()


async def test_no_more_than_the_prefetch_is_held_of_a_partition(servers: str) -> None:
    with address(servers, partitions=1, prefetch=10) as url:
        broker = KafkaBroker.from_url(url)
        await broker.ensure(TOPOLOGY)
        await broker.publish("work", made(500))
        held: list[Delivery] = []
        while batch := await broker.receive("work", "workers", limit=500, wait=2, lease=LEASE):
            held += batch
        assert 10 <= len(held) <= 20, "one batch beyond the bound at most"
        backlog = await broker.backlog("work", "workers")
        assert (backlog.ready, backlog.leased) == (500 - len(held), len(held))
        await asyncio.gather(*(delivery.ack() for delivery in held))
        ids = [delivery.message.id for delivery in held] + await drained(broker)
        assert ids == [message.id for message in made(500)], "each once, none thrown away"
        await broker.close()


async def test_each_tier_keeps_at_least_the_delay(broker: KafkaBroker) -> None:
    delays = [0.3, 1.5, 2.0, 11.0, 0.9]
    began = time.monotonic()
    for message, delay in zip(made(5), delays, strict=True):
        await broker.publish("work", [message], group="workers", delay=delay)
    waited: dict[str, float] = {}
    while len(waited) < 5:
        for delivery in await broker.receive("work", "workers", limit=9, wait=15, lease=LEASE):
            waited[delivery.message.id] = time.monotonic() - began
            await delivery.ack()
    for message, delay in zip(made(5), delays, strict=True):
        assert delay <= waited[message.id] < delay + 2, "none waits for a longer one"


@pytest.mark.faults
async def test_delayed_messages_outlive_the_process_that_was_to_move_them(
    broker: KafkaBroker, url: str
) -> None:
    with peer("hold", url) as process:
        await broker.publish("work", made(1, prefix="now-"), group="workers")
        await asyncio.to_thread(said, process, 1)
        await broker.publish("work", made(5), group="workers", delay=4)
        await asyncio.sleep(1)
        process.send_signal(signal.SIGKILL)
    ids = await drained(broker, patience=15)
    assert sorted(set(ids)) == sorted(["now-000000", *(message.id for message in made(5))])


async def test_a_cancelled_receive_gives_back_what_it_took(broker: KafkaBroker) -> None:
    await broker.publish("work", made(30))
    waiting = [
        asyncio.create_task(broker.receive("work", "workers", limit=1, wait=20, lease=LEASE))
        for _ in range(10)
    ]
    done, pending = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    kept = [d for result in results if not isinstance(result, BaseException) for d in result]
    assert done
    assert len(await collect(broker, "work", "workers", 30 - len(kept))) == 30 - len(kept)


async def test_records_of_other_programs_arrive_readable_or_not(
    broker: KafkaBroker, servers: str, url: str
) -> None:
    name = url.partition("prefix=")[2].partition("&")[0] + "work"
    event = b'{"specversion":"1.0","id":"e-1","source":"/x","type":"t","project":"p"}'
    producer = Producer({"bootstrap.servers": servers})
    producer.produce(name, event, b"asset")
    producer.produce(name, b"\xff\x00not JSON", b"\xff")
    producer.produce(name, None, None)
    assert producer.flush(10) == 0
    found = {d.message.body: d.message for d in await collect(broker, "work", "workers", 3)}
    assert (found[event].id, found[event].project, found[event].key) == ("e-1", "p", "asset")
    assert found[b"\xff\x00not JSON"].id.startswith(name)
    assert found[b""].key == ""


async def test_an_event_travels_as_a_structured_cloudevent(
    broker: KafkaBroker, servers: str, url: str
) -> None:
    from mediakiln.model.messages import Received

    prefix = url.partition("prefix=")[2].partition("&")[0]
    sent = Received(asset="asset-1").to_message()
    await broker.publish("work", [sent, *made(1)])
    consumer = Consumer(
        {"bootstrap.servers": servers, "group.id": prefix, "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([f"{prefix}work"])
    records: list[Record] = []
    while len(records) < 2:
        record = consumer.poll(10)
        assert record is not None
        assert record.error() is None
        records.append(record)
    consumer.close()
    kinds = {
        record.value(): dict(cast("list[tuple[str, bytes]]", record.headers()))["content-type"]
        for record in records
    }
    assert kinds[sent.body] == b"application/cloudevents+json; charset=UTF-8"
    assert kinds[made(1)[0].body] == b"application/octet-stream"
    assert b"asset-1" in [record.key() for record in records]
