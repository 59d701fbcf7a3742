from collections.abc import AsyncIterator

import pytest

from mediakiln.adapters.catalog.postgres import PostgresCatalog
from mediakiln.ports.catalog import Catalog
from mediakiln.testing.catalog import CatalogContract
from support.postgres import fresh_url

pytestmark = [pytest.mark.engines, pytest.mark.xdist_group("postgres")]


class TestPostgresCatalog(CatalogContract):
    @pytest.fixture
    async def url(self) -> AsyncIterator[str]:
        async with fresh_url() as url:
            yield url

    @pytest.fixture
    async def catalog(self, url: str) -> AsyncIterator[Catalog]:
        engine = PostgresCatalog.from_url(url)
        await engine.ensure()
        yield engine
        await engine.close()

    @pytest.fixture
    async def second(
        self,
        catalog: Catalog,  # noqa: ARG002 - it makes the schema
        url: str,
    ) -> AsyncIterator[Catalog]:
        engine = PostgresCatalog.from_url(url)
        yield engine
        await engine.close()
