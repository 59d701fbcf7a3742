"""The broker contract as far as SQS can keep it, whoever the server."""

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest

from mediakiln.adapters.broker.sqs import SqsBroker
from mediakiln.adapters.broker.sqs.lease import hidden_for
from mediakiln.ports.broker import Broker
from mediakiln.testing.broker import BrokerContract
from mediakiln.testing.broker_tools import SHORT_LEASE, TOPOLOGY, collect, made, take_one

REGION = "us-east-1"


def url_of(endpoint: str, **options: object) -> str:
    """A broker of its own on a server that others use too."""
    named = {"endpoint": endpoint, "prefix": f"t{uuid.uuid4().hex[:12]}-", **options}
    return f"sqs://{REGION}?" + "&".join(f"{name}={value}" for name, value in named.items())


def use_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that the servers under test take: any."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "mediakiln")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "mediakiln-secret")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


class SqsContract(BrokerContract):
    """Give it a `url`. Where SQS counts otherwise than the port, it says so here."""

    @pytest.fixture(autouse=True)
    def credentials(self, monkeypatch: pytest.MonkeyPatch) -> None:
        use_credentials(monkeypatch)

    @pytest.fixture
    async def broker(self, url: str) -> AsyncIterator[Broker]:
        broker = SqsBroker.from_url(url)
        yield broker
        await broker.close()

    @pytest.fixture
    async def second(self, url: str) -> AsyncIterator[Broker]:
        second = SqsBroker.from_url(url)
        yield second
        await second.close()

    async def test_the_backlog_counts_ready_leased_and_delayed(self, broker: Broker) -> None:
        """SQS hides a retried message as it hides a leased one, and so counts it as leased."""
        await broker.ensure(TOPOLOGY)
        await broker.publish("work", made(7))
        await broker.publish("work", made(2), delay=60)
        leased = await collect(broker, "work", "workers", 3)
        await leased[0].ack()
        await leased[1].retry(60)
        backlog = await broker.backlog("work", "workers")
        assert (backlog.ready, backlog.leased, backlog.delayed) == (4, 2, 2)
        assert backlog.oldest_age_s is None

    async def test_the_backlog_counts_a_lapsed_lease_as_ready(self, broker: Broker) -> None:
        """SQS counts in whole seconds."""
        await broker.ensure(TOPOLOGY)
        await broker.publish("work", made(2))
        await take_one(broker, "work", "workers", lease=SHORT_LEASE)
        await asyncio.sleep(hidden_for(SHORT_LEASE) + 0.1)
        backlog = await broker.backlog("work", "workers")
        assert (backlog.ready, backlog.leased) == (2, 0)
