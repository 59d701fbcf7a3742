from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mediakiln.adapters.object_store.local import LocalObjectStore
from mediakiln.ports.multipart import Multipart
from mediakiln.stages.uploads.joined import JoinedParts
from mediakiln.testing.multipart import MultipartContract


class TestPartsInPlace(MultipartContract):
    @pytest.fixture
    async def store(self, tmp_path: Path) -> AsyncIterator[LocalObjectStore]:
        store = LocalObjectStore(tmp_path / "store")
        await store.ensure()
        yield store
        await store.close()

    @pytest.fixture
    async def second(self, tmp_path: Path) -> AsyncIterator[LocalObjectStore]:
        second = LocalObjectStore(tmp_path / "store")
        await second.ensure()
        yield second
        await second.close()


class TestPartsThatAreJoined(TestPartsInPlace):
    """As on a store that has no parts of its own."""

    knows_offsets = False
    many = 120

    @pytest.fixture
    def parts(self, store: LocalObjectStore) -> Multipart:
        return JoinedParts(store)

    @pytest.fixture
    def second_parts(self, second: LocalObjectStore) -> Multipart:
        return JoinedParts(second)
