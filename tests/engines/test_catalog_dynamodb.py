from collections.abc import AsyncIterator, Iterator

import pytest

from mediakiln.adapters.catalog.dynamodb import DynamoCatalog
from mediakiln.ports.catalog import Catalog
from mediakiln.testing.catalog import CatalogContract
from support.dynamodb import a_table_url, use_credentials
from support.servers import server

pytestmark = [pytest.mark.engines, pytest.mark.xdist_group("dynamodb")]


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    use_credentials(monkeypatch)
    with a_table_url(server("DYNAMODB", "dynamodb")) as url:
        yield url


class TestDynamoCatalog(CatalogContract):
    @pytest.fixture
    async def catalog(self, url: str) -> AsyncIterator[Catalog]:
        engine = DynamoCatalog.from_url(url)
        await engine.ensure()
        yield engine
        await engine.close()

    @pytest.fixture
    async def second(
        self,
        catalog: Catalog,  # noqa: ARG002 - it makes the table
        url: str,
    ) -> AsyncIterator[Catalog]:
        engine = DynamoCatalog.from_url(url)
        yield engine
        await engine.close()
