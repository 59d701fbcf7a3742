"""What Azure and Google have in common: deletes one by one, buckets of others' making."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import ClassVar, Literal

import obstore

from mediakiln.adapters.object_store.checks import check_key
from mediakiln.adapters.object_store.cloud.failures import translated
from mediakiln.adapters.object_store.cloud.fetching import together
from mediakiln.adapters.object_store.cloud.options import check_life
from mediakiln.adapters.object_store.cloud.parts import PART_BYTES
from mediakiln.adapters.object_store.cloud.putting import put_whole
from mediakiln.adapters.object_store.cloud.shelves import Shelf
from mediakiln.adapters.object_store.cloud.store import CloudObjectStore
from mediakiln.model.errors import EngineMisconfigured, NotSupported, ObjectMissing
from mediakiln.ports.object_store import ObjectInfo

_PARALLEL = 16


class SingleDeletes(CloudObjectStore):
    """A store that deletes one object by a request, and whose buckets deployment makes."""

    make_hint: ClassVar[str]
    """How to make the bucket `{name}`."""

    async def ensure(self) -> None:
        """Check that the three buckets answer.

        Raises:
            EngineMisconfigured: a bucket is missing or refused; the hint says what helps.
        """
        for shelf in self._shelves.values():
            try:
                with translated(shelf.name, ""):
                    await obstore.list(shelf.client, chunk_size=1).collect_async()
            except (ObjectMissing, EngineMisconfigured) as error:
                if isinstance(error, EngineMisconfigured) and error.context.get("status") != 404:  # noqa: PLR2004 - not found
                    raise
                raise EngineMisconfigured(
                    f"MEDIAKILN_STORE: there is no bucket {shelf.name}",
                    bucket=shelf.name,
                    hint=self.make_hint.format(name=shelf.name),
                ) from error

    async def _delete(self, shelf: Shelf, keys: Sequence[str]) -> None:
        rest = iter(keys)

        async def work() -> None:
            for key in rest:
                with suppress(ObjectMissing), translated(shelf.name, key):
                    await obstore.delete_async(shelf.client, key)

        await together([work() for _ in range(min(_PARALLEL, len(keys)))])

    async def _presigned(
        self,
        shelf: Shelf,
        key: str,
        method: Literal["GET", "PUT"],
        expires_s: float,
        said: str | None,
    ) -> str:
        check_key(key)
        check_life(expires_s)
        if said is not None:
            raise NotSupported(
                "Addresses of this store cannot say a file's name or type.",
                hint="ask for an address without them, or let mediakiln send the file",
            )
        with translated(shelf.name, key):
            return await obstore.sign_async(shelf.client, method, key, timedelta(seconds=expires_s))


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
