"""Kafka behind TLS and a password, as the address says it."""

import os
from collections.abc import Iterator

import pytest

from mediakiln.adapters.broker.kafka import KafkaBroker
from mediakiln.model.errors import EngineMisconfigured, EngineUnavailable
from mediakiln.testing.broker_tools import LEASE, TOPOLOGY, made
from support.kafka import address
from support.servers import server

pytestmark = [pytest.mark.engines, pytest.mark.xdist_group("kafka")]


@pytest.fixture
def plain() -> Iterator[str]:
    """An address without either, of topics that nobody else has."""
    with address(server("KAFKA", "kafka")) as url:
        yield url


@pytest.fixture
def url(plain: str) -> str:
    """The same topics, behind TLS; the login stands before the host."""
    rest = plain.partition("?")[2]
    return f"kafka://{server('KAFKA_TLS', 'kafka')}?{rest}&tls=true"


@pytest.fixture
def authority(plain: str) -> str:
    del plain
    return os.environ["MEDIAKILN_TEST_KAFKA_CA"]


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
async def test_messages_go_and_come(url: str, authority: str, mechanism: str) -> None:
    broker = KafkaBroker.from_url(f"{url}&ca={authority}&sasl={mechanism}")
    await broker.ensure(TOPOLOGY)
    await broker.publish("work", made(3))
    seen: set[str] = set()
    while len(seen) < 3:
        batch = await broker.receive("work", "workers", limit=9, wait=10, lease=LEASE)
        assert batch
        for delivery in batch:
            await delivery.ack()
            seen.add(delivery.message.id)
    assert (await broker.backlog("work", "workers")).ready == 0
    await broker.close()


async def test_a_cluster_that_is_not_trusted_is_told_with_a_remedy(url: str) -> None:
    broker = KafkaBroker.from_url(f"{url}&sasl=PLAIN".replace("timeout=10", "timeout=5"))
    with pytest.raises(EngineMisconfigured, match="no TLS") as caught:
        await broker.ensure(TOPOLOGY)
    assert "ca" in caught.value.context["hint"]
    assert "kiln-secret" not in f"{caught.value} {caught.value.context}"
    await broker.close()


async def test_a_port_that_wants_tls_and_a_password_is_told_without_either(url: str) -> None:
    login = url[len("kafka://") : url.index("@") + 1]
    bare = url.replace(login, "").replace("&tls=true", "").replace("timeout=10", "timeout=5")
    broker = KafkaBroker.from_url(bare)
    with pytest.raises(EngineUnavailable) as caught:
        await broker.ensure(TOPOLOGY)
    assert "tls and sasl" in caught.value.context["hint"]
    await broker.close()


async def test_a_wrong_password_is_a_refused_login(url: str, authority: str) -> None:
    broker = KafkaBroker.from_url(
        url.replace("kiln-secret", "wrong").replace("timeout=10", "timeout=5")
        + f"&ca={authority}&sasl=SCRAM-SHA-512"
    )
    with pytest.raises(EngineMisconfigured, match="login") as caught:
        await broker.ensure(TOPOLOGY)
    assert "wrong" not in f"{caught.value} {caught.value.context}"
    await broker.close()
