from collections.abc import AsyncIterator

import pytest

from mediakiln.adapters.catalog.memory import MemoryCatalog
from mediakiln.model.errors import EngineMisconfigured
from mediakiln.ports.catalog import Catalog
from mediakiln.testing.catalog import CatalogContract


class TestMemoryCatalog(CatalogContract):
    @pytest.fixture
    async def catalog(self) -> AsyncIterator[Catalog]:
        engine = MemoryCatalog.from_url("memory://")
        await engine.ensure()
        yield engine
        await engine.close()


class TestMemoryCatalogInSeveralShards(CatalogContract):
    @pytest.fixture
    async def catalog(self) -> AsyncIterator[Catalog]:
        engine = MemoryCatalog(shards=3)
        yield engine
        await engine.close()


def test_another_engines_url_is_refused() -> None:
    with pytest.raises(EngineMisconfigured):
        MemoryCatalog.from_url("sqlite:///x.db")
