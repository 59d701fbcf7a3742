"""Kafka's own nodes killed and restarted: each test has a cluster of its own."""

import asyncio
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mediakiln.adapters.broker.kafka import KafkaBroker
from mediakiln.model.errors import EngineUnavailable, LeaseLost
from mediakiln.testing.broker_tools import LEASE, TOPOLOGY, made
from support.servers import server

pytestmark = [
    pytest.mark.engines,
    pytest.mark.slow,
    pytest.mark.faults,
    pytest.mark.timeout(420),
    pytest.mark.xdist_group("kafka-groups"),
]
ENGINES = Path(__file__).parents[2] / "engines"
QUICK = "session=6&poll=10&timeout=20&partitions=3"


def up(name: str, data: Path) -> str:
    """Start what does not run of a cluster; its bootstrap servers."""
    argv: list[str | Path] = [sys.executable, ENGINES / "up", name, "--data", data]
    said = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    named = f"MEDIAKILN_TEST_{name.upper()}="
    (word,) = [word for word in shlex.split(said) if word.startswith(named)]
    return word.removeprefix(named)


@contextmanager
def cluster(name: str, data: Path) -> Iterator[str]:
    """A cluster of the test's own."""
    try:
        yield up(name, data)
    finally:
        subprocess.run([sys.executable, ENGINES / "down", name, "--data", data], check=True)


def kill(data: Path, name: str, node: str) -> None:
    """End one node without notice."""
    pid = int((data / name / f"{node}.pid").read_text().split()[0])
    os.kill(pid, signal.SIGKILL)


async def publish_through(broker: KafkaBroker, until: asyncio.Event) -> list[str]:
    """Publish batches of ten; the ids that were acknowledged."""
    acknowledged: list[str] = []
    number = 0
    while not until.is_set():
        number += 1
        batch = made(10, prefix=f"{number}-")
        try:
            await broker.publish("work", batch)
            acknowledged += [message.id for message in batch]
        except EngineUnavailable:
            await asyncio.sleep(0.2)
        await asyncio.sleep(0.02)
    return acknowledged


async def receive_all(broker: KafkaBroker, wanted: asyncio.Future[list[str]]) -> set[str]:
    """Receive and ack until everything that was acknowledged has come."""
    seen: set[str] = set()
    deadline = time.monotonic() + 240
    while not (wanted.done() and set(wanted.result()) <= seen) and time.monotonic() < deadline:
        try:
            batch = await broker.receive("work", "workers", limit=50, wait=1, lease=LEASE)
        except EngineUnavailable:
            await asyncio.sleep(0.2)
            continue
        seen |= {delivery.message.id for delivery in batch}
        ends = [delivery.ack() for delivery in batch]
        for end in await asyncio.gather(*ends, return_exceptions=True):
            assert end is None or isinstance(end, EngineUnavailable | LeaseLost)
    return seen


async def test_a_restarted_broker_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    server("KAFKA", "kafka")
    with cluster("kafka", tmp_path) as servers:
        broker = KafkaBroker.from_url(f"kafka://{servers}?replication=1&{QUICK}")
        await broker.ensure(TOPOLOGY)
        stop = asyncio.Event()
        publishing = asyncio.ensure_future(publish_through(broker, stop))
        receiving = asyncio.create_task(receive_all(broker, publishing))
        await asyncio.sleep(3)
        await asyncio.to_thread(kill, tmp_path, "kafka", "kafka")
        await asyncio.sleep(2)
        assert await asyncio.to_thread(up, "kafka", tmp_path) == servers
        await broker.publish("work", made(1, prefix="after-"))
        await asyncio.sleep(3)
        stop.set()
        acknowledged = await publishing
        seen = await receiving
        assert len(acknowledged) > 100
        assert not set(acknowledged) - seen
        await broker.close()


async def test_three_nodes_lose_nothing_when_one_is_killed_and_restarted(tmp_path: Path) -> None:
    server("KAFKA", "kafka")
    with cluster("kafka3", tmp_path) as servers:
        broker = KafkaBroker.from_url(f"kafka://{servers}?replication=3&{QUICK}")
        await broker.ensure(TOPOLOGY)
        stop = asyncio.Event()
        publishing = asyncio.ensure_future(publish_through(broker, stop))
        receiving = asyncio.create_task(receive_all(broker, publishing))
        await asyncio.sleep(5)
        await asyncio.to_thread(kill, tmp_path, "kafka3", "kafka-1")
        await asyncio.sleep(12)
        during = await broker.backlog("work", "workers")
        assert during.delayed == 0, "the two that are left answer"
        await asyncio.to_thread(up, "kafka3", tmp_path)
        await asyncio.sleep(5)
        stop.set()
        acknowledged = await publishing
        seen = await receiving
        assert len(acknowledged) > 100
        assert not set(acknowledged) - seen
        await broker.close()
