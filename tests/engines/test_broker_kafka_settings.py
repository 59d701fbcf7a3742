"""Addresses that are wrong, and clusters that do not answer or refuse."""

import socket
from collections.abc import Iterator

import pytest

from mediakiln.adapters.broker.kafka import KafkaBroker
from mediakiln.model.errors import EngineMisconfigured, EngineUnavailable
from mediakiln.testing.broker_tools import LEASE, TOPOLOGY, made
from support.kafka import address
from support.servers import server

pytestmark = [pytest.mark.engines, pytest.mark.xdist_group("kafka")]


@pytest.fixture
def servers() -> str:
    return server("KAFKA", "kafka")


@pytest.fixture
def nowhere() -> Iterator[str]:
    """A port that is taken and never answers."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield f"kafka://127.0.0.1:{holder.getsockname()[1]}?timeout=2"


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("kafka://", "address"),
        ("http://host:9092", "address"),
        ("kafka://host:9092/topic", "address"),
        ("kafka://host:many", "host"),
        ("kafka://a:1,,b:2", "host"),
        ("kafka://host?colour=red", "colour"),
        ("kafka://host?partitions=0", "partitions"),
        ("kafka://host?replication=three", "replication"),
        ("kafka://host?session=-1", "session"),
        ("kafka://host?poll=5", "poll"),
        ("kafka://host?prefix=a/b", "prefix"),
        ("kafka://host?instance=a%20b", "instance"),
        ("kafka://host?tls=perhaps", "tls"),
        ("kafka://host?ca=/no/such/file", "ca"),
        ("kafka://host?sasl=PLAIN", "sasl"),
        ("kafka://host?sasl=MAGIC", "sasl"),
        ("kafka://user:password@host", "sasl"),
    ],
)
def test_a_wrong_address_is_refused_by_name(servers: str, url: str, word: str) -> None:
    assert servers
    with pytest.raises(EngineMisconfigured, match="MEDIAKILN_BROKER") as caught:
        KafkaBroker.from_url(url)
    assert word in str(caught.value)
    assert "password" not in str(caught.value)
    assert caught.value.context["hint"]


async def test_a_cluster_that_does_not_answer_is_unavailable(servers: str, nowhere: str) -> None:
    assert servers
    broker = KafkaBroker.from_url(nowhere)
    with pytest.raises(EngineUnavailable):
        await broker.ensure(TOPOLOGY)
    with pytest.raises(EngineUnavailable):
        await broker.publish("work", made(1))
    with pytest.raises(EngineUnavailable):
        await broker.receive("work", "workers", limit=1, wait=1, lease=LEASE)
    with pytest.raises(EngineUnavailable):
        await broker.backlog("work", "workers")
    await broker.close()


async def test_more_copies_than_brokers_are_refused_with_the_remedy(servers: str) -> None:
    with address(servers, replication=9) as url:
        broker = KafkaBroker.from_url(url)
        with pytest.raises(EngineMisconfigured) as caught:
            await broker.ensure(TOPOLOGY)
        assert "replication" in caught.value.context["hint"]
        await broker.close()


async def test_a_refused_login_says_so(servers: str) -> None:
    broker = KafkaBroker.from_url(f"kafka://user:wrong@{servers}?sasl=PLAIN&timeout=5")
    with pytest.raises(EngineMisconfigured, match="login") as caught:
        await broker.ensure(TOPOLOGY)
    assert "password" in caught.value.context["hint"]
    assert "wrong" not in str(caught.value)
    await broker.close()


async def test_topics_grow_where_more_partitions_are_asked_for(servers: str) -> None:
    with address(servers, partitions=1) as url:
        small = KafkaBroker.from_url(url)
        await small.ensure(TOPOLOGY)
        await small.publish("work", made(3))
        grown = KafkaBroker.from_url(url.replace("partitions=1", "partitions=3"))
        await grown.ensure(TOPOLOGY)
        counts = await grown._topics.counts()
        prefix = url.partition("prefix=")[2].partition("&")[0]
        assert counts[f"{prefix}work"] == 3
        await grown.publish("work", made(30, prefix="n"))
        seen: set[str] = set()
        while len(seen) < 33:
            batch = await grown.receive("work", "workers", limit=40, wait=10, lease=LEASE)
            assert batch
            seen |= {delivery.message.id for delivery in batch}
        await small.close()
        await grown.close()
