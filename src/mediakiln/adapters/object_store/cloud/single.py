"""What Azure and Google have in common: deletes one by one, the check that buckets are there."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import ClassVar, cast

import obstore

from mediakiln.adapters.object_store.cloud.failures import translated
from mediakiln.adapters.object_store.cloud.fetching import together
from mediakiln.adapters.object_store.cloud.parts import PART_BYTES
from mediakiln.adapters.object_store.cloud.putting import put_whole
from mediakiln.adapters.object_store.cloud.shelves import Shelf
from mediakiln.adapters.object_store.cloud.store import CloudObjectStore
from mediakiln.model.errors import EngineMisconfigured, NotSupported, ObjectMissing
from mediakiln.model.keys import Bucket
from mediakiln.ports.direct import SignedPut
from mediakiln.ports.object_store import ObjectInfo, Presigned

_PARALLEL = 16


class SingleDeletes(CloudObjectStore):
    """A store that deletes one object by a request."""

    put_headers: ClassVar[Mapping[str, str]] = {}
    """What a client must send that writes by an address."""

    @abstractmethod
    async def _make(self, name: str) -> None:
        """Make a bucket; one that is there by now is no error."""

    @abstractmethod
    async def _answers(self, shelf: Shelf) -> bool:
        """Whether there is such a bucket.

        Raises:
            EngineMisconfigured: it cannot be used; the hint says what helps.
        """

    async def sign_put(
        self, bucket: Bucket, key: str, *, size: int, media_type: str, expires_s: float
    ) -> SignedPut:
        """A PUT for a second to a week. Its signature binds neither size nor type."""
        del size
        url = await cast("Presigned", self).presign(bucket, key, method="PUT", expires_s=expires_s)
        return SignedPut(url, {**self.put_headers, "Content-Type": media_type})

    async def ensure(self) -> None:
        """Check that the three buckets answer; make those that are missing.

        Raises:
            EngineMisconfigured: a bucket is missing or refused; the hint says what helps.
        """
        for shelf in self._shelves.values():
            if not await self._answers(shelf):
                await self._make(shelf.name)
                if not await self._answers(shelf):
                    raise EngineMisconfigured(
                        f"MEDIAKILN_STORE: the bucket {shelf.name} was made and is not there",
                        bucket=shelf.name,
                        hint="try again in a moment",
                    )

    async def _delete(self, shelf: Shelf, keys: Sequence[str]) -> None:
        rest = iter(keys)

        async def work() -> None:
            for key in rest:
                with suppress(ObjectMissing), translated(shelf.name, key):
                    await obstore.delete_async(shelf.client, key)

        await together([work() for _ in range(min(_PARALLEL, len(keys)))])


async def copy_through(
    source: tuple[Shelf, str], target: tuple[Shelf, str], *, if_absent: bool
) -> ObjectInfo:
    """Copy a small object through this process, where its provider cannot.

    Raises:
        ObjectMissing: there is no source.
        NotSupported: it is larger than 8 MiB.
    """
    with translated(source[0].name, source[1]):
        found = await obstore.get_async(source[0].client, source[1])
        if found.meta["size"] > PART_BYTES:
            raise NotSupported(
                "The store cannot copy a large object of such a name.", limit=PART_BYTES
            )
        data = bytes(await found.bytes_async())
    return await put_whole(*target, data, if_absent=if_absent)
