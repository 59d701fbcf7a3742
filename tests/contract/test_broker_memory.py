from collections.abc import AsyncIterator

import pytest

from mediakiln.adapters.broker.memory import MemoryBroker
from mediakiln.ports.broker import Broker
from mediakiln.testing.broker import BrokerContract


class TestMemoryBroker(BrokerContract):
    @pytest.fixture
    async def broker(self) -> AsyncIterator[Broker]:
        broker = MemoryBroker.from_url("memory://")
        yield broker
        await broker.close()
