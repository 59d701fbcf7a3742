from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mediakiln.adapters.broker.sqlite import SqliteBroker
from mediakiln.ports.broker import Broker
from mediakiln.testing.broker import BrokerContract


class TestSqliteBroker(BrokerContract):
    @pytest.fixture
    async def broker(self, tmp_path: Path) -> AsyncIterator[Broker]:
        broker = SqliteBroker.from_url(f"sqlite:///{tmp_path}/broker.db")
        yield broker
        await broker.close()

    @pytest.fixture
    async def second(self, tmp_path: Path) -> AsyncIterator[Broker]:
        second = SqliteBroker.from_url(f"sqlite:///{tmp_path}/broker.db")
        yield second
        await second.close()
