"""Parts on stores that have none of their own: what is special about them."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from mediakiln.adapters.object_store.memory import MemoryObjectStore
from mediakiln.model.errors import NotSupported
from mediakiln.model.keys import PARTS_PREFIX, Bucket, parse_input_key
from mediakiln.ports.multipart import Multipart, PresignedParts
from mediakiln.ports.object_store import ObjectStore
from mediakiln.stages.uploads.joined import JoinedParts
from mediakiln.stages.uploads.parts import Parts
from mediakiln.testing.multipart_tools import KEY, begun, listed_parts, written
from mediakiln.testing.object_store_tools import keys_of


class Crash(Exception):
    """The process ends here."""


class Dying(MemoryObjectStore):
    """A store whose process dies at its next call of one kind."""

    dies_at = ""

    async def delete(self, bucket: Bucket, keys: Sequence[str]) -> None:
        """Delete objects, or die before."""
        if self.dies_at == "delete":
            raise Crash
        await super().delete(bucket, keys)

    def list(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        """List objects, or die before."""
        if self.dies_at == "list":
            raise Crash
        return super().list(*args, **kwargs)


@pytest.fixture
def store() -> Dying:
    return Dying()


async def test_nothing_takes_a_part_for_an_upload(store: Dying) -> None:
    parts = JoinedParts(store)
    await written(parts, await begun(parts), [b"one", b"two"])
    keys = await keys_of(store)
    assert len(keys) == 3
    assert all(key.startswith(PARTS_PREFIX) and parse_input_key(key) is None for key in keys)


async def test_a_crash_after_the_join_makes_no_second_object(store: Dying) -> None:
    parts = JoinedParts(store)
    upload = await begun(parts)
    made = await written(parts, upload, [b"one", b"two"])
    store.dies_at = "delete"
    with pytest.raises(Crash):
        await parts.complete(Bucket.INPUT, KEY, upload, made)
    first = await store.head(Bucket.INPUT, KEY)
    assert await listed_parts(parts, upload) == made
    store.dies_at = ""
    assert await parts.complete(Bucket.INPUT, KEY, upload, made) == first
    assert await keys_of(store) == [KEY]


async def test_what_a_crashed_abort_left_goes_with_the_next_one(store: Dying) -> None:
    parts = JoinedParts(store)
    upload = await begun(parts)
    await written(parts, upload, [b"one", b"two"])
    store.dies_at = "list"
    with pytest.raises(Crash):
        await parts.abort(Bucket.INPUT, KEY, upload)
    store.dies_at = ""
    assert len(await keys_of(store)) == 2
    await parts.abort(Bucket.INPUT, KEY, upload)
    assert await keys_of(store) == []


class Plain:
    """A store without parts, of which nothing else is asked."""


def test_every_store_has_parts_and_says_who_joins_them(store: Dying) -> None:
    plain: ObjectStore = Plain()  # type: ignore[assignment]
    assert isinstance(Parts(plain), Multipart)
    assert not Parts(plain).in_store
    assert Parts(store).in_store
    assert Parts(store).part_rules == store.part_rules


async def test_a_store_without_addresses_for_parts_says_so(store: Dying) -> None:
    parts = Parts(store)
    assert isinstance(parts, PresignedParts)
    assert not parts.presigned
    with pytest.raises(NotSupported):
        await parts.presign_part(Bucket.INPUT, KEY, "token", 1, expires_s=60)
