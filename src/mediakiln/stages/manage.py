"""What a client may do to an asset it has: process it again, delete it, restore its products."""

from datetime import timedelta

from mediakiln.model.asset import Asset, StepProducts
from mediakiln.model.clock import Clock, utc_now
from mediakiln.model.errors import Conflict, Gone, NotFound
from mediakiln.model.keys import Bucket, archive_key
from mediakiln.model.kind import AssetState
from mediakiln.model.messages import Received
from mediakiln.model.product import Manifest, StoredFile
from mediakiln.model.recipe import Recipe
from mediakiln.ports.object_store import ObjectStore
from mediakiln.stages.ledger import Change, Ledger

DELETION_GRACE = timedelta(days=7)


class Manage:
    """The actions on one asset, each a compare-and-set of its record."""

    def __init__(
        self,
        ledger: Ledger,
        store: ObjectStore,
        *,
        grace: timedelta = DELETION_GRACE,
        clock: Clock = utc_now,
    ) -> None:
        self._ledger = ledger
        self._store = store
        self._grace = grace
        self._clock = clock

    async def process_again(
        self, id: str, recipe: Recipe | None, *, project: str | None = None
    ) -> Asset:
        """Start run + 1 with another recipe (None: the one before).

        Old products stay visible until the new run ends; products that exist already under the
        same key are copied, not made again. A worker on the old run stops at its next renewal.

        Raises:
            NotFound, Gone: there is no such asset (in the project, where one is given), or no
                longer.
        """

        def apply(asset: Asset) -> Change:
            _refuse_foreign(asset, project)
            _refuse_deleted(asset)
            now = self._clock()
            after = asset.model_copy(
                update={
                    "run": asset.run + 1,
                    "state": AssetState.RECEIVED,
                    "recipe": recipe or asset.recipe,
                    "steps": {},
                    "arrived": {},
                    "published": dict(asset.visible),
                    "end": None,
                    "error": None,
                    "claim": None,
                    "attempts": 0,
                    "excused": 0,
                    "stalls": 0,
                    "kills": {},
                    "run_started_at": now,
                    "completed_at": None,
                    "due_at": now + self._ledger.stall_after,
                }
            )
            event = Received(asset=asset.id, project=asset.project, run=after.run)
            return Change(after, [event])

        return await self._ledger.change(id, apply)

    async def delete(self, id: str, *, project: str | None = None) -> Asset:
        """Hide the asset at once; its bytes are deleted after the grace. Again is no error.

        Raises:
            NotFound: there is no such asset (in the project, where one is given).
        """

        def apply(asset: Asset) -> Change | None:
            _refuse_foreign(asset, project)
            if asset.state is AssetState.DELETING:
                return None
            now = self._clock()
            after = asset.model_copy(
                update={
                    "run": asset.run + 1,
                    "state": AssetState.DELETING,
                    "claim": None,
                    "deleted_at": now,
                    "due_at": now + self._grace,
                }
            )
            return Change(after)

        return await self._ledger.change(id, apply)

    async def restore(self, id: str, *, project: str | None = None) -> tuple[Asset, int]:
        """Bring back product files that are missing in production from their archive copies.

        Returns:
            The asset, and how many files were brought back.

        Raises:
            NotFound, Gone: as `process_again`.
            Conflict: a missing file has no archive copy any more.
        """
        asset = await self._ledger.catalog.get(id)
        if asset is None:
            raise NotFound(f"there is no asset {id}", asset=id)
        _refuse_foreign(asset, project)
        _refuse_deleted(asset)
        restored = 0
        for products in asset.visible.values():
            key = archive_key(products.manifest, products.made_on)
            await self._bring_back(products.manifest, key)
            for file in await self._files(products):
                restored += await self._bring_back(file.key, file.archive_key)
        return asset, restored

    async def _files(self, products: StepProducts) -> tuple[StoredFile, ...]:
        if products.files is not None:
            return products.files
        raw = await self._store.get(Bucket.PRODUCTION, products.manifest)
        return Manifest.model_validate_json(raw).files

    async def _bring_back(self, key: str, archived: str | None) -> int:
        """Copy an object from the archive unless production has it; how many were copied."""
        if await self._store.head(Bucket.PRODUCTION, key) is not None:
            return 0
        if archived is None or await self._store.head(Bucket.ARCHIVE, archived) is None:
            raise Conflict(
                f"{key} has no archive copy any more",
                hint="process the asset again to make it anew",
            )
        await self._store.copy((Bucket.ARCHIVE, archived), (Bucket.PRODUCTION, key))
        return 1


def _refuse_foreign(asset: Asset, project: str | None) -> None:
    if project not in {None, asset.project}:
        raise NotFound(f"there is no asset {asset.id}", asset=asset.id)


def _refuse_deleted(asset: Asset) -> None:
    if asset.state is AssetState.DELETING:
        raise Gone(asset=asset.id)
