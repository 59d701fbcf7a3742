from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mediakiln.adapters.object_store.local import LocalObjectStore
from mediakiln.testing.object_store import ObjectStoreContract


class TestLocalObjectStore(ObjectStoreContract):
    @pytest.fixture
    async def store(self, tmp_path: Path) -> AsyncIterator[LocalObjectStore]:
        store = LocalObjectStore.from_url(f"file://{tmp_path}/the%20store")
        await store.ensure()
        yield store
        await store.close()

    @pytest.fixture
    async def second(self, tmp_path: Path) -> AsyncIterator[LocalObjectStore]:
        second = LocalObjectStore(tmp_path / "the store")
        await second.ensure()
        yield second
        await second.close()
