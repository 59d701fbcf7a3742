"""The Kafka broker beside the bare client, and what waiting costs.

    eval "$(engines/up kafka)"; python benchmarks/kafka.py

It needs MEDIAKILN_TEST_KAFKA: the servers of a Kafka that may be written to.
"""

import asyncio
import os
import sys
import time
import uuid
from typing import Any

from confluent_kafka import Consumer, KafkaError, Message, Producer
from confluent_kafka.admin import AdminClient

from figures import report
from mediakiln.adapters.broker.kafka import KafkaBroker
from mediakiln.adapters.broker.kafka.options import Options
from mediakiln.model.messages import Message as Parcel
from mediakiln.model.topology import TOPOLOGY

Row = dict[str, Any]

TOPIC, GROUP = "received", "classify"
BODY = b'{"specversion":"1.0","data":"' + b"x" * 370 + b'"}'
BATCH = 100
COUNT = 20_000
IDLE_S = 10.0
JOBS = [topic for topic, groups in TOPOLOGY.items() if "process" in groups]


def measure() -> list[Row]:
    """Each figure once, in about half a minute."""
    servers = os.environ.get("MEDIAKILN_TEST_KAFKA")
    if not servers:
        sys.exit('needs kafka: set MEDIAKILN_TEST_KAFKA, or eval "$(engines/up kafka)"')
    prefix = f"bench-{uuid.uuid4().hex[:8]}."
    url = f"kafka://{servers}?prefix={prefix}&replication=1&session=6"
    try:
        rates = [asyncio.run(_adapter(url)) for _ in range(2)]
        bare = [_bare(url, f"{prefix}bare-{n}") for n in range(2)]
        idle = asyncio.run(_idle(url))
    finally:
        _wipe(servers, prefix)
    rate, rival = max(rates), max(bare)
    return [
        {
            "name": "kafka publish, receive, ack",
            "value": round(rate, 2),
            "unit": "1/s",
            "rival": f"the bare client, the same batches: {rival:,.0f}",
            "ratio": round(rate / rival, 3),
            "target": "ratio >= 0.5",
            "holds": rate >= rival / 2,
        },
        {
            "name": f"kafka idle, {len(JOBS)} topics awaited",
            "value": round(idle, 2),
            "unit": "% of a core",
            "rival": None,
            "ratio": None,
            "target": "<= 3",
            "holds": idle <= 3,
        },
    ]


async def _adapter(url: str) -> float:
    """Messages a second from publish to ack, publisher and consumer side by side."""
    broker = KafkaBroker.from_url(url)
    await broker.ensure(TOPOLOGY)
    await _warm(broker)
    parcels = [Parcel(id=f"{n:036d}", key=f"{n:036d}", body=BODY) for n in range(COUNT)]
    began = time.perf_counter()
    await asyncio.gather(_publish(broker, parcels), _consume(broker, COUNT))
    seconds = time.perf_counter() - began
    await broker.close()
    return COUNT / seconds


async def _warm(broker: KafkaBroker) -> None:
    """Joining a group takes seconds, once in a process's life."""
    await broker.publish(TOPIC, [Parcel(id="warm", key="warm", body=BODY)])
    await _consume(broker, 1)


async def _publish(broker: KafkaBroker, parcels: list[Parcel]) -> None:
    for start in range(0, len(parcels), BATCH):
        await broker.publish(TOPIC, parcels[start : start + BATCH])


async def _consume(broker: KafkaBroker, count: int) -> None:
    done = 0
    while done < count:
        batch = await broker.receive(TOPIC, GROUP, limit=BATCH, wait=30, lease=60)
        await asyncio.gather(*(delivery.ack() for delivery in batch))
        done += len(batch)


def _bare(url: str, group: str) -> float:
    """The same through the bare client: a batch is produced, then consumed, then committed."""
    options = Options.from_url(url)
    topic = f"{options.prefix}{TOPIC}"
    producer = Producer(options.client() | {"acks": "all", "enable.idempotence": True})
    consumer = Consumer(
        options.client()
        | {"group.id": group, "enable.auto.commit": False, "auto.offset.reset": "latest"}
    )
    consumer.subscribe([topic])
    while consumer.poll(0.5) is None:  # until it has found its position at the end
        _produce(producer, topic, 1)
    while consumer.poll(1.0) is not None:
        pass
    began = time.perf_counter()
    for _ in range(COUNT // BATCH):
        _produce(producer, topic, BATCH)
        _take(consumer, BATCH)
    seconds = time.perf_counter() - began
    consumer.close()
    return COUNT / seconds


def _produce(producer: Producer, topic: str, count: int) -> None:
    failed: list[KafkaError] = []

    def landed(error: KafkaError | None, _: Message) -> None:
        if error is not None:
            failed.append(error)

    for number in range(count):
        producer.produce(topic, BODY, f"{number:036d}", on_delivery=landed)
    producer.flush()
    assert not failed, failed[0]


def _take(consumer: Consumer, count: int) -> None:
    left = count
    while left:
        records = consumer.consume(left, 0.05)
        assert all(record.error() is None for record in records)
        left -= len(records)
    consumer.commit(asynchronous=False)


async def _idle(url: str) -> float:
    """Percent of a core that a process spends waiting on every topic of jobs at once."""
    broker = KafkaBroker.from_url(url)
    tasks = [asyncio.create_task(_wait(broker, topic)) for topic in JOBS]
    await asyncio.sleep(5)
    began, cpu = time.monotonic(), time.process_time()
    await asyncio.sleep(IDLE_S)
    percent = 100 * (time.process_time() - cpu) / (time.monotonic() - began)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    await broker.close()
    return percent


async def _wait(broker: KafkaBroker, topic: str) -> None:
    while not await broker.receive(topic, "process", limit=1, wait=20, lease=60):
        pass


def _wipe(servers: str, prefix: str) -> None:
    admin = AdminClient({"bootstrap.servers": servers})
    mine = [name for name in admin.list_topics(timeout=10).topics if name.startswith(prefix)]
    for future in admin.delete_topics(mine).values() if mine else ():
        future.result()


if __name__ == "__main__":
    report(measure, __doc__)
