from collections.abc import AsyncIterator, Iterator

import pytest

from mediakiln.adapters.catalog.cassandra import CassandraCatalog
from mediakiln.ports.catalog import Catalog
from mediakiln.testing.catalog import CatalogContract
from support.cassandra import Keyspace, keyspace
from support.servers import server

pytestmark = [pytest.mark.engines, pytest.mark.xdist_group("cassandra")]


@pytest.fixture(scope="module")
def tables() -> Iterator[Keyspace]:
    with keyspace(server("CASSANDRA", "cassandra")) as made:
        yield made


class TestCassandraCatalog(CatalogContract):
    expiry_s = 1.0

    @pytest.fixture
    async def catalog(self, tables: Keyspace) -> AsyncIterator[Catalog]:
        engine = CassandraCatalog.from_url(tables.url)
        await engine.ensure()
        yield engine
        await engine.close()
        tables.empty()

    @pytest.fixture
    async def second(self, tables: Keyspace) -> AsyncIterator[Catalog]:
        engine = CassandraCatalog.from_url(tables.url)
        await engine.ensure()
        yield engine
        await engine.close()
