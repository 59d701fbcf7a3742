"""Deliver: find the bytes behind an asset's original or one of its products.

Records whose run has ended are kept for a moment and manifests for good (they never change), so
that a popular file costs no catalog read per request.
"""

import math
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TypeVar

from mediakiln.model.asset import Asset, StepProducts
from mediakiln.model.deliverable import Deliverable
from mediakiln.model.errors import Gone, NotFound, NotSupported, ObjectMissing
from mediakiln.model.ids import is_id
from mediakiln.model.keys import Bucket
from mediakiln.model.kind import AssetState
from mediakiln.model.product import Manifest, StoredFile
from mediakiln.ports.catalog import Catalog
from mediakiln.ports.object_store import LocalFiles, ObjectStore, Presigned

T = TypeVar("T")

DIRECT_S = 900.0


class Deliver:
    """Looks up originals and products."""

    def __init__(
        self,
        catalog: Catalog,
        store: ObjectStore,
        *,
        fresh_s: float = 1.0,
        max_cached: int = 4096,
    ) -> None:
        self._catalog = catalog
        self._store = store
        self._fresh_s = fresh_s
        self._max_cached = max_cached
        self._assets: OrderedDict[str, tuple[float, Asset]] = OrderedDict()
        self._manifests: OrderedDict[str, Manifest] = OrderedDict()
        self._forgotten: OrderedDict[str, float] = OrderedDict()

    async def asset(self, id: str, *, fresh: bool = True, project: str | None = None) -> Asset:
        """The record; with `fresh=False` one up to `fresh_s` seconds old will do.

        Raises:
            NotFound: there is none, or, where `project` is given, none of that project.
            Gone: it was deleted.
        """
        now = time.monotonic()
        held = self._assets.get(id)
        if not fresh and held is not None and now - held[0] < self._fresh_s:
            if project in {None, held[1].project}:
                return held[1]
            raise _absent(id)
        asset = await self._catalog.get(id) if is_id(id) else None
        if asset is None or project not in {None, asset.project}:
            raise _absent(id)
        if asset.state.terminal and now > self.changed_at(id):
            self._remember(self._assets, id, (now, asset))
        else:
            # Whoever hears that the run has ended asks for its products at once.
            self._assets.pop(id, None)
        if asset.state is AssetState.DELETING:
            raise Gone(asset=id)
        return asset

    async def original(self, id: str, *, project: str | None = None) -> Deliverable:
        """The upload, as it came.

        Raises:
            NotFound: as `asset`.
            Gone: as `asset`, or another hand overwrote it in the bucket.
            ObjectMissing: another hand deleted it there.
        """
        asset = await self.asset(id, fresh=False, project=project)
        if asset.checksum is None:
            await self._check_source(asset)
        return Deliverable(
            bucket=Bucket.INPUT,
            key=asset.source.key,
            size=asset.bytes,
            etag=_tag(asset.checksum or asset.source.etag or asset.source.key),
            media_type=asset.media_type or "application/octet-stream",
            filename=asset.name,
            immutable=asset.checksum is not None,
            path=self._path(Bucket.INPUT, asset.source.key),
        )

    async def _check_source(self, asset: Asset) -> None:
        """Others can write to the object of such an asset: other bytes are not its original."""
        info = await self._store.head(Bucket.INPUT, asset.source.key)
        if info is None:
            raise ObjectMissing("the original is no longer in the bucket", asset=asset.id)
        if asset.replaced(info.etag):
            raise Gone("the original was overwritten in the bucket", asset=asset.id)

    async def product(self, id: str, name: str, *, project: str | None = None) -> Deliverable:
        """A product by `step` (its only or first file) or `step/file`.

        Raises:
            NotFound, Gone: as `asset`, or no such product is there (yet).
        """
        asset = await self.asset(id, fresh=False, project=project)
        step, _, file = name.partition("/")
        products = asset.visible.get(step)
        if products is None:
            raise NotFound(f"the asset has no product {name[:200]!r}", asset=id)
        stored = _pick(await self.files(products), file)
        if stored is None:
            raise NotFound(f"the asset has no product {name[:200]!r}", asset=id)
        stem = asset.name.rpartition(".")[0] or asset.name
        return Deliverable(
            bucket=Bucket.PRODUCTION,
            key=stored.key,
            size=stored.bytes,
            etag=_tag(stored.checksum),
            media_type=stored.media_type,
            filename=f"{stem}-{step}-{stored.file.rpartition('/')[2]}",
            immutable=True,
            path=self._path(Bucket.PRODUCTION, stored.key),
        )

    async def files(self, products: StepProducts) -> tuple[StoredFile, ...]:
        """A step's files, from the record or else from its manifest."""
        if products.files is not None:
            return products.files
        manifest = self._manifests.get(products.manifest)
        if manifest is None:
            raw = await self._store.get(Bucket.PRODUCTION, products.manifest)
            manifest = Manifest.model_validate_json(raw)
            self._remember(self._manifests, products.manifest, manifest)
        return manifest.files

    async def direct(self, item: Deliverable, *, attachment: bool) -> str:
        """An address in the store itself, good for `DIRECT_S` seconds.

        Where addresses cannot say the name and the type, browsers go by what the store says: for
        products "some bytes", since we wrote them. So there only products that a browser may show
        have an address; an original's type at the store may be its uploader's word.

        Raises:
            NotSupported: the store has none, or none that is safe for this file.
        """
        can = self._store.capabilities
        if not isinstance(self._store, Presigned) or not can.presign:
            raise NotSupported("this store has no direct addresses", hint="leave out direct=1")
        if not can.presign_described:
            if attachment or item.bucket is not Bucket.PRODUCTION:
                raise NotSupported(
                    "this store's addresses cannot say a file's name and type",
                    hint="leave out direct=1",
                )
            return await self._store.presign(
                item.bucket, item.key, method="GET", expires_s=DIRECT_S
            )
        return await self._store.presign(
            item.bucket,
            item.key,
            method="GET",
            expires_s=DIRECT_S,
            filename=item.filename if attachment else None,
            media_type=item.media_type,
        )

    def stream(
        self, item: Deliverable, *, start: int = 0, end: int | None = None
    ) -> AsyncIterator[bytes]:
        """The bytes from `start` up to, not including, `end`."""
        return self._store.stream(item.bucket, item.key, start=start, end=end)

    def forget(self, id: str) -> None:
        """Drop what is remembered of an asset, so that the next request sees its change."""
        self._assets.pop(id, None)
        self._remember(self._forgotten, id, time.monotonic())

    def changed_at(self, id: str) -> float:
        """When this process last changed an asset, on the monotonic clock; long ago if it did not.

        What was found out for requests that came before is old.
        """
        return self._forgotten.get(id, -math.inf)

    def _path(self, bucket: Bucket, key: str) -> Path | None:
        if isinstance(self._store, LocalFiles):
            return self._store.local_path(bucket, key)
        return None

    def _remember(self, cache: OrderedDict[str, T], key: str, value: T) -> None:
        cache[key] = value
        cache.move_to_end(key)
        while len(cache) > self._max_cached:
            cache.popitem(last=False)


def _absent(id: str) -> NotFound:
    return NotFound(f"there is no asset {id[:64]!r}")


def _pick(files: tuple[StoredFile, ...], name: str) -> StoredFile | None:
    if not name:
        return files[0] if files else None
    return next((file for file in files if file.file == name), None)


def _tag(checksum: str) -> str:
    return checksum.rpartition(":")[2][:32]
