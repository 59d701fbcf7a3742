"""The contract of every catalog engine.

    class TestMyCatalog(CatalogContract):
        @pytest.fixture
        async def catalog(self) -> AsyncIterator[Catalog]:
            engine = MyCatalog.from_url("my://…")
            await engine.ensure()
            yield engine
            await engine.close()

The catalog must be empty. An engine that several processes may use overrides `second` with
another connection to the same records.
"""

import pytest

from mediakiln.model.errors import EngineUnavailable
from mediakiln.ports.catalog import Catalog
from mediakiln.testing.catalog_assets import AssetTests
from mediakiln.testing.catalog_list import ListTests
from mediakiln.testing.catalog_outbox import DueTests, OutboxTests
from mediakiln.testing.catalog_records import RecordsTests
from mediakiln.testing.catalog_samples import an_asset
from mediakiln.testing.catalog_search import SearchTests


class CatalogContract(AssetTests, ListTests, OutboxTests, DueTests, RecordsTests, SearchTests):
    """Subclass it with a `catalog` fixture, and `second` where there can be one."""

    @pytest.fixture
    async def second(self, catalog: Catalog) -> Catalog:
        """Another connection to the same records; the same one unless a subclass knows better."""
        return catalog

    async def test_ensure_may_run_again_and_keeps_what_is_there(
        self, catalog: Catalog, second: Catalog
    ) -> None:
        asset = await catalog.create(an_asset())
        await catalog.ensure()
        await second.ensure()
        assert await second.get(asset.id) == asset

    async def test_a_closed_catalog_refuses_and_closing_again_is_no_error(
        self, catalog: Catalog
    ) -> None:
        records = catalog.records("s")
        for _ in range(2):
            await catalog.close()
        with pytest.raises(EngineUnavailable):
            await catalog.get("x")
        with pytest.raises(EngineUnavailable):
            await catalog.create(an_asset())
        with pytest.raises(EngineUnavailable):
            await records.put("k", {})

    async def test_capabilities_are_sound(self, catalog: Catalog, second: Catalog) -> None:
        assert catalog.capabilities.shards >= 1
        assert catalog.capabilities == second.capabilities
        assert catalog.capabilities.shared or second is catalog
