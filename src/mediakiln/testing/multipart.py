"""`MultipartContract`: what every object store that takes objects in parts must pass.

Subclass it with a `store` fixture that gives an empty store, as for `ObjectStoreContract`:

    class TestPartsOfMyStore(MultipartContract):
        @pytest.fixture
        async def store(self) -> AsyncIterator[ObjectStore]:
            engine = MyStore.from_url("my://…")
            await engine.ensure()
            yield engine
            await engine.close()

An engine that other connections can reach overrides `second` with such a connection. One without
parts of its own passes it too: it is then given those that mediakiln joins by itself.
"""

import pytest

from mediakiln.ports.multipart import Multipart
from mediakiln.ports.object_store import ObjectStore
from mediakiln.stages.uploads.parts import Parts
from mediakiln.testing.multipart_completing import CompletingTests
from mediakiln.testing.multipart_failing import FailingPartTests
from mediakiln.testing.multipart_writing import PartWritingTests


class MultipartContract(PartWritingTests, FailingPartTests, CompletingTests):
    """Subclass it with a `store` fixture, and `second` where there can be one."""

    @pytest.fixture
    async def second(self, store: ObjectStore) -> ObjectStore:
        """Another connection to the same objects; the same one unless a subclass knows better."""
        return store

    @pytest.fixture
    def parts(self, store: ObjectStore) -> Multipart:
        """What is tested."""
        return Parts(store)

    @pytest.fixture
    def second_parts(self, second: ObjectStore) -> Multipart:
        """The same, over the other connection."""
        return Parts(second)
