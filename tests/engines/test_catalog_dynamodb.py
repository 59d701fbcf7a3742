from collections.abc import AsyncIterator

import pytest

from mediakiln.adapters.catalog.dynamodb import DynamoCatalog
from mediakiln.model.ids import new_id
from mediakiln.ports.catalog import Catalog
from mediakiln.testing.catalog import CatalogContract
from support.servers import server

pytestmark = [pytest.mark.engines, pytest.mark.xdist_group("dynamodb")]


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> str:
    endpoint = server("DYNAMODB", "dynamodb")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "mediakiln")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "mediakiln-secret")
    return f"dynamodb://us-east-1/test-{new_id()}?endpoint={endpoint}"


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
