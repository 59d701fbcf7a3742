"""Erasing everything of one uploader: records, originals, products, archive copies, traces.

An erasure is a record that any replica takes further, page by page. Its assets are hidden and
stripped of what their uploader said at once, and purged without the usual grace. Archive copies
are locked for some days after their writing and go when the lock ends; till then the erasure
waits. What stays is a tombstone: an id, times, sizes.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from mediakiln.model.asset import Asset
from mediakiln.model.clock import Clock, utc_now
from mediakiln.model.errors import ArchiveLocked, InvalidRequest, NotFound, VersionConflict
from mediakiln.model.ids import id_time, is_id, new_id
from mediakiln.model.keys import Bucket
from mediakiln.model.kind import AssetState
from mediakiln.ports.object_store import ObjectStore
from mediakiln.stages.erasure.traces import NAME, Traces, listed
from mediakiln.stages.ledger import Change, Ledger

SPACE: Final = "erasures"
ERASED: Final = "erased"
"""The assets of each erasure, until their archive copies are gone."""
ARCHIVE_LOCK: Final = timedelta(days=8)
"""Seven full days, and the one in which the copy was written."""
SETTLING: Final = timedelta(minutes=2)
"""After the first pass a second one is made: lists may lag behind writes."""
_TIMED: Final = 7
"""The version of ids that hold a time (RFC 9562)."""
_LOOK_AGAIN: Final = timedelta(hours=1)
_KEPT: Final = timedelta(days=400)
_PAGE: Final = 200
_TRACES: Final = ("deliveries",)
"""Spaces of records whose keys begin with an asset's id."""


class ErasureState(StrEnum):
    """How far an erasure is."""

    RUNNING = "running"
    SETTLING = "settling"
    LOCKED = "locked"
    """Only archive copies are left, which may not be deleted yet."""
    DONE = "done"


class Erasure(BaseModel):
    """One erasure. The uploader's name is in it until it is done."""

    model_config = ConfigDict(frozen=True)

    id: str
    project: str
    uploader: str
    by: str
    state: ErasureState = ErasureState.RUNNING
    assets: int = Field(default=0, description="Assets that were found so far.")
    cursor: str | None = None
    created_at: datetime
    due_at: datetime
    completed_at: datetime | None = None


class Erasures:
    """Begins erasures and takes them further.

    `unname` makes an asset be found no more by its name, while that is still known.
    """

    def __init__(
        self,
        ledger: Ledger,
        store: ObjectStore,
        *,
        unname: Callable[[Asset], Awaitable[None]] | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self._ledger = ledger
        self._catalog = ledger.catalog
        self._records = ledger.catalog.records(SPACE)
        self._erased = ledger.catalog.records(ERASED)
        self._store = store
        self._unname = unname
        self._clock = clock
        self.traces = Traces(ledger.catalog, clock=clock)

    async def begin(self, project: str, uploader: str, *, by: str) -> Erasure:
        """Order an erasure; what is uploaded after it is not touched by it.

        Raises:
            InvalidRequest: no uploader is named.
        """
        if not uploader:
            raise InvalidRequest("an uploader must be named", field="uploader")
        now = self._clock()
        erasure = Erasure(
            id=new_id(), project=project, uploader=uploader, by=by, created_at=now, due_at=now
        )
        await self._records.put(_key(erasure), _value(erasure), expires_at=now + _KEPT)
        return erasure

    async def get(self, project: str, id: str) -> Erasure:
        """One erasure.

        Raises:
            NotFound: there is none of that id.
        """
        record = await self._records.get(f"{project}/{id}") if is_id(id) else None
        if record is None:
            raise NotFound(f"there is no erasure {id[:64]!r}")
        return Erasure.model_validate(record.value)

    async def sweep(self) -> int:
        """Take every erasure that is due a page further; returns how many there were."""
        treated = 0
        async for record in listed(self._records):
            erasure = Erasure.model_validate(record.value)
            if erasure.state is ErasureState.DONE or erasure.due_at > self._clock():
                continue
            treated += 1
            further = await self._further(erasure)
            try:
                await self._records.put(
                    record.key,
                    _value(further),
                    expected=record.version,
                    expires_at=record.expires_at,
                )
            except VersionConflict:
                continue  # another replica takes it further
        return treated

    async def _further(self, erasure: Erasure) -> Erasure:
        if erasure.state is ErasureState.LOCKED:
            return await self._unlock(erasure)
        page = await self._catalog.list(erasure.project, limit=_PAGE, cursor=erasure.cursor)
        found = 0
        for asset in page.assets:
            # Later uploads are of after the order: their uploader may have begun anew.
            if asset.uploader == erasure.uploader and _begun(asset) <= erasure.created_at:
                await self._strip(asset, erasure)
                found += 1
        update: dict[str, Any] = {"assets": erasure.assets + found, "cursor": page.cursor}
        if page.cursor is None:
            await self._forget_names(erasure)
            first = erasure.state is ErasureState.RUNNING
            update |= {
                "state": ErasureState.SETTLING if first else ErasureState.LOCKED,
                "due_at": self._clock() + (SETTLING if first else timedelta()),
            }
        return erasure.model_copy(update=update)

    async def _strip(self, asset: Asset, erasure: Erasure) -> None:
        """Hide an asset, take from its record what its uploader said, and have it purged now."""
        days = {"created": asset.created_at.date().isoformat()}
        found = await self._erased.get(f"{erasure.id}/{asset.id}")
        if found is None:
            await self._erased.put(f"{erasure.id}/{asset.id}", days)
        for space in _TRACES:
            await self._forget(space, f"{asset.id}/")
        if self._unname is not None:
            await self._unname(asset)

        def apply(latest: Asset) -> Change:
            now = self._clock()
            return Change(
                latest.model_copy(
                    update={
                        "name": NAME,
                        "uploader": "",
                        "tags": (),
                        "metadata": {},
                        "recipe": None,
                        "error": None,
                        "steps": {},
                        "arrived": {},
                        "published": {},
                        "end": None,
                        "run": latest.run + (latest.state is not AssetState.DELETING),
                        "state": AssetState.DELETING,
                        "claim": None,
                        "deleted_at": latest.deleted_at or now,
                        "due_at": None if latest.purged else now,
                    }
                )
            )

        await self._ledger.change(asset.id, apply, known=asset)

    async def _forget(self, space: str, prefix: str) -> None:
        records = self._catalog.records(space)
        while True:
            found, _ = await records.list(prefix, limit=_PAGE)
            for record in found:
                await records.delete(record.key)
            if not found:
                return

    async def _forget_names(self, erasure: Erasure) -> None:
        """Take the uploader out of all records beside the assets'."""
        erased = {
            record.key.partition("/")[2] async for record in listed(self._erased, f"{erasure.id}/")
        }
        await self.traces.erase(
            erasure.project, erasure.uploader, before=erasure.created_at, assets=erased
        )

    async def _unlock(self, erasure: Erasure) -> Erasure:
        """Delete the archive copies whose lock has ended; done when none is left."""
        left = 0
        async for record in listed(self._erased, f"{erasure.id}/"):
            id = record.key.partition("/")[2]
            asset = await self._catalog.get(id)
            purged = asset is None or asset.purged
            if await self._delete_copies(erasure.project, id, record.value["created"]) and purged:
                await self._erased.delete(record.key)
            else:
                left += 1
        now = self._clock()
        if left:
            return erasure.model_copy(update={"due_at": now + _LOOK_AGAIN})
        done = {"state": ErasureState.DONE, "completed_at": now, "uploader": ""}
        return erasure.model_copy(update=done)

    async def _delete_copies(self, project: str, id: str, created: str) -> bool:
        """Delete an asset's archive copies; whether none is left."""
        now = self._clock()
        day, last, gone = datetime.fromisoformat(created).date(), now.date(), True
        while day <= last:
            keys = [
                item.key
                async for item in self._store.list(
                    Bucket.ARCHIVE, f"{day:%Y-%m-%d}/{project}/{id}/"
                )
            ]
            if keys and last - day < ARCHIVE_LOCK:
                gone = False
            elif keys:
                gone = await self._delete(keys) and gone
            day += timedelta(days=1)
        return gone

    async def _delete(self, keys: Sequence[str]) -> bool:
        try:
            await self._store.delete(Bucket.ARCHIVE, keys)
        except ArchiveLocked:
            return False  # the engine's own lock lasts longer
        return True


def _begun(asset: Asset) -> datetime:
    """When its uploader began with it: what comes in parts, or by an import, has its id from then.

    So nothing that was on its way at the order slips through behind it.
    """
    made_here = UUID(asset.id).version == _TIMED
    return min(asset.created_at, id_time(asset.id)) if made_here else asset.created_at


def _key(erasure: Erasure) -> str:
    return f"{erasure.project}/{erasure.id}"


def _value(erasure: Erasure) -> dict[str, Any]:
    return erasure.model_dump(mode="json")
