from collections.abc import AsyncIterator, Iterator

import pytest

from mediakiln.adapters.broker.kafka import KafkaBroker
from mediakiln.ports.broker import Broker
from mediakiln.testing.broker import BrokerContract
from support.kafka import address
from support.servers import server

pytestmark = [pytest.mark.engines, pytest.mark.xdist_group("kafka")]


@pytest.fixture
def url() -> Iterator[str]:
    with address(server("KAFKA", "kafka")) as url:
        yield url


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
