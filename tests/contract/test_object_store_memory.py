from collections.abc import AsyncIterator

import pytest

from mediakiln.adapters.object_store.memory import MemoryObjectStore
from mediakiln.testing.object_store import ObjectStoreContract


class TestMemoryObjectStore(ObjectStoreContract):
    @pytest.fixture
    async def store(self) -> AsyncIterator[MemoryObjectStore]:
        store = MemoryObjectStore.from_url("memory://")
        await store.ensure()
        yield store
        await store.close()
