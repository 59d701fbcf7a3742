from collections.abc import AsyncIterator

import pytest

from mediakiln.adapters.object_store.memory import MemoryObjectStore
from mediakiln.testing.multipart import MultipartContract


class TestPartsInMemory(MultipartContract):
    streams = False

    @pytest.fixture
    async def store(self) -> AsyncIterator[MemoryObjectStore]:
        store = MemoryObjectStore.from_url("memory://")
        await store.ensure()
        yield store
        await store.close()
