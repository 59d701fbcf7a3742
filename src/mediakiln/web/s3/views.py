"""The two buckets that S3 clients see: what was put in, and what was made of it."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from mediakiln.model.deliverable import Deliverable
from mediakiln.model.errors import Gone, NotFound, ObjectMissing
from mediakiln.model.keys import Bucket
from mediakiln.ports.object_store import ObjectStore
from mediakiln.stages.deliver import Deliver
from mediakiln.stages.uploads.s3.checksums import Checksum
from mediakiln.stages.uploads.s3.keys import KeyIndex
from mediakiln.web.s3.listing import LAST, Item
from mediakiln.web.services import Services

NOTHING = (NotFound, Gone, ObjectMissing)


@dataclass(frozen=True, slots=True)
class Seen:
    """An object: its bytes, with the ETag that clients know, and what they said of it."""

    item: Deliverable
    modified: datetime
    checksum: Checksum | None = None
    meta: Mapping[str, str] = field(default_factory=dict)


class View(Protocol):
    """A bucket of one project, for reading."""

    def entries(self, prefix: str, start_after: str) -> AsyncIterator[Item]:
        """Objects whose key begins with `prefix` and sorts after `start_after`, in key order."""
        ...

    async def find(self, key: str) -> Seen:
        """An object.

        Raises:
            NotFound, Gone, ObjectMissing: there is none.
        """
        ...


class InputView:
    """Uploads that came by this front, under the keys their clients chose."""

    def __init__(self, project: str, index: KeyIndex, deliver: Deliver) -> None:
        self._project = project
        self._index = index
        self._deliver = deliver

    async def entries(self, prefix: str, start_after: str) -> AsyncIterator[Item]:
        """See `View`."""
        async for entry in self._index.entries(self._project, prefix, start_after):
            yield Item(entry.key, entry.size, entry.etag, entry.modified)

    async def find(self, key: str) -> Seen:
        """See `View`."""
        entry = await self._index.get(self._project, key)
        if entry is None:
            raise NotFound
        item = await self._deliver.original(entry.asset, project=self._project)
        item = replace(item, etag=entry.etag)
        return Seen(item, entry.modified, entry.checksum, entry.meta)


class ProductView:
    """Products, as `{asset}/{step}/{file}`; only those of completed steps are there."""

    def __init__(self, project: str, store: ObjectStore, deliver: Deliver) -> None:
        self._project = project
        self._store = store
        self._deliver = deliver

    async def entries(self, prefix: str, start_after: str) -> AsyncIterator[Item]:
        """See `View`."""
        begun = start_after.partition("/")[0]
        if begun:
            # The asset in whose middle the list goes on.
            for item in await self._of(begun):
                if item.key.startswith(prefix) and item.key > start_after:
                    yield item
        async for asset in self._assets(prefix.partition("/")[0], begun):
            for item in await self._of(asset):
                if item.key.startswith(prefix) and item.key > start_after:
                    yield item

    async def find(self, key: str) -> Seen:
        """See `View`."""
        id, _, name = key.partition("/")
        item = await self._deliver.product(id, name, project=self._project)
        asset = await self._deliver.asset(id, fresh=False, project=self._project)
        return Seen(item, asset.completed_at or asset.updated_at)

    async def _assets(self, prefix: str, after: str) -> AsyncIterator[str]:
        """Assets that have objects, in the order of their ids, behind `after`."""
        project, last = f"{self._project}/", after
        start = f"{project}{after}/{LAST}" if after else ""
        async for info in self._store.list(
            Bucket.PRODUCTION, f"{project}{prefix}", start_after=start
        ):
            asset = info.key.removeprefix(project).partition("/")[0]
            if asset != last:
                yield asset
                last = asset

    async def _of(self, id: str) -> list[Item]:
        try:
            asset = await self._deliver.asset(id, fresh=False, project=self._project)
        except NOTHING:
            return []
        modified = asset.completed_at or asset.updated_at
        found = []
        for step, products in asset.visible.items():
            for stored in await self._deliver.files(products):
                etag = stored.checksum.rpartition(":")[2]
                found.append(Item(f"{id}/{step}/{stored.file}", stored.bytes, etag, modified))
        return sorted(found, key=lambda item: item.key)


def view(services: Services, project: str, bucket: str) -> View:
    """A bucket as a project sees it."""
    if bucket == Bucket.INPUT:
        return InputView(project, services.s3.index, services.deliver)
    return ProductView(project, services.store, services.deliver)
