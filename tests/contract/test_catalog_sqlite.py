from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mediakiln.adapters.catalog.sqlite import SqliteCatalog
from mediakiln.ports.catalog import Catalog
from mediakiln.testing.catalog import CatalogContract


class TestSqliteCatalog(CatalogContract):
    @pytest.fixture
    async def catalog(self, tmp_path: Path) -> AsyncIterator[Catalog]:
        engine = SqliteCatalog.from_url(f"sqlite:///{tmp_path / 'catalog.db'}")
        await engine.ensure()
        yield engine
        await engine.close()

    @pytest.fixture
    async def second(
        self,
        catalog: Catalog,  # noqa: ARG002 - it makes the schema
        tmp_path: Path,
    ) -> AsyncIterator[Catalog]:
        engine = SqliteCatalog.from_url(f"sqlite:///{tmp_path / 'catalog.db'}")
        yield engine
        await engine.close()
