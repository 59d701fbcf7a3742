import uuid
from collections.abc import AsyncIterator, Iterator

import pytest
from confluent_kafka.admin import AdminClient

from mediakiln.adapters.broker.kafka import KafkaBroker
from mediakiln.ports.broker import Broker
from mediakiln.testing.broker import BrokerContract
from support.servers import server

pytestmark = [pytest.mark.engines, pytest.mark.xdist_group("kafka")]


@pytest.fixture
def url() -> Iterator[str]:
    """An address with a prefix of its own, whose topics are deleted afterwards."""
    servers, prefix = server("KAFKA", "kafka"), f"t{uuid.uuid4().hex[:12]}."
    options = "partitions=2&replication=1&session=3&poll=10&timeout=10"
    yield f"kafka://{servers}?prefix={prefix}&{options}"
    admin = AdminClient({"bootstrap.servers": servers})
    mine = [name for name in admin.list_topics(timeout=10).topics if name.startswith(prefix)]
    if mine:
        for future in admin.delete_topics(mine).values():
            future.result()


class TestKafkaBroker(BrokerContract):
    @pytest.fixture
    async def broker(self, url: str) -> AsyncIterator[Broker]:
        broker = KafkaBroker.from_url(url)
        yield broker
        await broker.close()

    @pytest.fixture
    async def second(self, url: str) -> AsyncIterator[Broker]:
        second = KafkaBroker.from_url(url)
        yield second
        await second.close()

    @pytest.fixture
    async def heir(self, broker: Broker) -> Broker:
        """A partition's messages are its member's while it lives, lapsed or not."""
        return broker
