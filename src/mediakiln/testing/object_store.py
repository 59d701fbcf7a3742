"""`ObjectStoreContract`: what every object store engine must pass.

Subclass it with a `store` fixture that gives an empty store:

    class TestMyStore(ObjectStoreContract):
        @pytest.fixture
        async def store(self) -> AsyncIterator[ObjectStore]:
            engine = MyStore.from_url("my://…")
            await engine.ensure()
            yield engine
            await engine.close()

An engine whose objects other connections can reach overrides `second` with such a connection.
"""

import pytest

from mediakiln.model.errors import EngineUnavailable
from mediakiln.model.keys import Bucket
from mediakiln.ports.object_store import FreeSpace, LocalFiles, ObjectStore
from mediakiln.testing.object_store_races import RaceTests
from mediakiln.testing.object_store_reading import DeletingTests, ListingTests, ReadingTests
from mediakiln.testing.object_store_tools import listed, pattern
from mediakiln.testing.object_store_writing import WritingTests


class ObjectStoreContract(WritingTests, ReadingTests, ListingTests, DeletingTests, RaceTests):
    """Subclass it with a `store` fixture, and `second` where there can be one."""

    @pytest.fixture
    async def second(self, store: ObjectStore) -> ObjectStore:
        """Another connection to the same objects; the same one unless a subclass knows better."""
        return store

    async def test_ensure_may_run_again_while_others_write(
        self, store: ObjectStore, second: ObjectStore
    ) -> None:
        kept = await store.put(Bucket.INPUT, "kept", b"kept")
        async with store.writer(Bucket.INPUT, "long") as writer:
            await writer.write(pattern(3_000_000))
            await store.ensure()
            await second.ensure()
            await writer.write(pattern(3_000_000, 1))
            long = await writer.commit()
        assert await listed(second) == [kept, long]
        expected = pattern(3_000_000) + pattern(3_000_000, 1)
        assert await second.get(Bucket.INPUT, "long") == expected

    async def test_capabilities_are_sound(self, store: ObjectStore, second: ObjectStore) -> None:
        assert store.capabilities == second.capabilities
        assert store.capabilities.shared or second is store
        assert store.capabilities.local_path == isinstance(store, LocalFiles)

    async def test_local_files_are_the_objects_themselves(self, store: ObjectStore) -> None:
        if not isinstance(store, LocalFiles):
            pytest.skip("the engine keeps no local files")
        await store.put(Bucket.INPUT, "a/b", b"bytes")
        assert store.local_path(Bucket.INPUT, "a/b").read_bytes() == b"bytes"
        product = store.scratch_root() / "product"
        product.write_bytes(b"product")
        await store.put_file(Bucket.PRODUCTION, "p", product)
        assert store.local_path(Bucket.PRODUCTION, "p").samefile(product)

    async def test_free_space_is_a_number_of_bytes(self, store: ObjectStore) -> None:
        if not isinstance(store, FreeSpace):
            pytest.skip("the engine's space does not end")
        assert await store.free_bytes() > 0

    async def test_a_closed_store_refuses_and_closing_again_is_no_error(
        self, store: ObjectStore
    ) -> None:
        for _ in range(2):
            await store.close()
        with pytest.raises(EngineUnavailable):
            await store.put(Bucket.INPUT, "k", b"x")
        with pytest.raises(EngineUnavailable):
            await store.get(Bucket.INPUT, "k")
        with pytest.raises(EngineUnavailable):
            await listed(store)
