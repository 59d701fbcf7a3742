"""Objects that no record needs: uploads that were never acknowledged, and expired archives."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import date, timedelta

from mediakiln.model.clock import Clock, utc_now
from mediakiln.model.errors import InvalidRequest
from mediakiln.model.keys import PARTS_PREFIX, Bucket, archive_day, parse_input_key
from mediakiln.model.upload import UPLOADS
from mediakiln.ports.catalog import Catalog
from mediakiln.ports.multipart import FORGOTTEN_AFTER
from mediakiln.ports.object_store import ObjectInfo, ObjectStore

ORPHAN_AFTER = timedelta(hours=24)
ARCHIVE_LOCK_DAYS = 7
"""Archive copies cannot be deleted before this, whatever the retention says."""

_BATCH = 200


class Housekeeping:
    """Sweeps by day prefix, so that its cost follows what changed and not what is stored."""

    def __init__(
        self,
        catalog: Catalog,
        store: ObjectStore,
        *,
        projects: Callable[[], Awaitable[Sequence[str]]],
        archive_days: int,
        clock: Clock = utc_now,
    ) -> None:
        if archive_days < ARCHIVE_LOCK_DAYS:
            raise InvalidRequest(
                f"archives are kept for at least {ARCHIVE_LOCK_DAYS} days",
                limit=ARCHIVE_LOCK_DAYS,
                value=archive_days,
                hint="raise MEDIAKILN_ARCHIVE_DAYS",
            )
        self._catalog = catalog
        self._uploads = catalog.records(UPLOADS)
        self._store = store
        self._projects = projects
        self._archive_days = archive_days
        self._clock = clock

    async def sweep_orphans(self) -> int:
        """Delete uploads of yesterday and the day before that no record names, and old parts."""
        now = self._clock()
        today = now.date()
        swept = 0
        for project in await self._projects():
            for back in (1, 2):
                day = today - timedelta(days=back)
                async for batch in self._batches(Bucket.INPUT, f"{project}/{day:%Y/%m/%d}/"):
                    old = [item for item in batch if now - item.modified > ORPHAN_AFTER]
                    swept += await self._delete_unnamed(old)
        return swept + await self._sweep_parts()

    async def _sweep_parts(self) -> int:
        """Delete what a crash left of parts, on stores where they are objects of their own."""
        swept = 0
        async for batch in self._batches(Bucket.INPUT, PARTS_PREFIX):
            now = self._clock()
            old = [item.key for item in batch if now - item.modified > FORGOTTEN_AFTER]
            await self._store.delete(Bucket.INPUT, old)
            swept += len(old)
        return swept

    async def _delete_unnamed(self, items: Sequence[ObjectInfo]) -> int:
        ids = {item.key: parsed[1] for item in items if (parsed := parse_input_key(item.key))}
        known = await self._catalog.get_many(list(ids.values()))
        orphans = [
            key
            for key, id in ids.items()
            if id not in known and not await self._is_in_progress(key, id)
        ]
        await self._store.delete(Bucket.INPUT, orphans)
        return len(orphans)

    async def _is_in_progress(self, key: str, id: str) -> bool:
        """Whether an upload will make the record yet, or else delete the object by itself."""
        project = key.partition("/")[0]
        return await self._uploads.get(f"{project}/{id}") is not None

    async def expire_archives(self) -> int:
        """Delete archive objects of days past the retention, the oldest first."""
        last_kept = self._clock().date() - timedelta(days=self._archive_days)
        expired = 0
        async for batch in self._batches(Bucket.ARCHIVE, ""):
            keys = [item.key for item in batch if _before(item.key, last_kept)]
            await self._store.delete(Bucket.ARCHIVE, keys)
            expired += len(keys)
            if len(keys) < len(batch):
                break
        return expired

    async def _batches(self, bucket: Bucket, prefix: str) -> AsyncIterator[list[ObjectInfo]]:
        batch: list[ObjectInfo] = []
        async for item in self._store.list(bucket, prefix):
            batch.append(item)
            if len(batch) >= _BATCH:
                yield batch
                batch = []
        if batch:
            yield batch


def _before(key: str, day: date) -> bool:
    written = archive_day(key)
    return written is not None and written < day
