"""Which files have an address in the store, by what the store's addresses can say."""

from dataclasses import replace
from typing import Literal

import pytest

from mediakiln.adapters.object_store.memory import MemoryObjectStore
from mediakiln.model.deliverable import Deliverable
from mediakiln.model.errors import NotSupported
from mediakiln.model.keys import Bucket
from mediakiln.stages.deliver import Deliver
from support.world import World


class Signing(MemoryObjectStore):
    """A store whose addresses say a name and a type, or only where the bytes are."""

    def __init__(self, *, signs: bool = True, describes: bool) -> None:
        super().__init__()
        self.capabilities = replace(
            type(self).capabilities, presign=signs, presign_described=describes
        )

    async def presign(
        self,
        bucket: Bucket,
        key: str,
        *,
        method: Literal["GET", "PUT"],
        expires_s: float,
        filename: str | None = None,
        media_type: str | None = None,
    ) -> str:
        """What it was asked for."""
        del expires_s
        return f"{method} {bucket}/{key} {filename} {media_type}"


def item(bucket: Bucket) -> Deliverable:
    return Deliverable(
        bucket=bucket,
        key="k",
        size=1,
        etag="e",
        media_type="image/jpeg",
        filename="photo.jpg",
        immutable=True,
        path=None,
    )


@pytest.mark.parametrize("bucket", [Bucket.INPUT, Bucket.PRODUCTION])
async def test_an_address_says_what_the_file_is_where_it_can(world: World, bucket: Bucket) -> None:
    deliver = Deliver(world.catalog, Signing(describes=True))
    shown = await deliver.direct(item(bucket), attachment=False)
    saved = await deliver.direct(item(bucket), attachment=True)
    assert shown == f"GET {bucket}/k None image/jpeg"
    assert saved == f"GET {bucket}/k photo.jpg image/jpeg"


async def test_an_address_that_cannot_is_given_only_for_products_that_may_be_shown(
    world: World,
) -> None:
    deliver = Deliver(world.catalog, Signing(describes=False))
    shown = await deliver.direct(item(Bucket.PRODUCTION), attachment=False)
    assert shown == "GET production/k None None"
    for bucket, attachment in (
        (Bucket.PRODUCTION, True),
        (Bucket.INPUT, False),
        (Bucket.INPUT, True),
    ):
        with pytest.raises(NotSupported):
            await deliver.direct(item(bucket), attachment=attachment)


@pytest.mark.parametrize("store", [MemoryObjectStore(), Signing(signs=False, describes=False)])
async def test_a_store_without_addresses_says_so(world: World, store: MemoryObjectStore) -> None:
    deliver = Deliver(world.catalog, store)
    with pytest.raises(NotSupported):
        await deliver.direct(item(Bucket.PRODUCTION), attachment=False)
