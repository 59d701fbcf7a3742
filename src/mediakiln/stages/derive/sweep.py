"""Keeping the shelf bounded: what nobody uses goes, and the least used where there is too much."""

import logging
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from mediakiln.model.clock import Clock, utc_now
from mediakiln.model.errors import VersionConflict
from mediakiln.model.keys import DERIVED_PREFIX, Bucket
from mediakiln.ports.catalog import Catalog, Record
from mediakiln.ports.object_store import ObjectStore
from mediakiln.stages.derive.shelf import SPACE, Kept
from mediakiln.stages.derive.turns import Turns

log = logging.getLogger(__name__)

ORPHAN_AFTER: Final = timedelta(hours=1)
"""An object is younger than its record for a moment only."""
_ROOM: Final = 0.9
"""How full the shelf is after a sweep that had to make room."""
_PAGE: Final = 200
_HOUR_S: Final = 3600.0


class ShelfSweep:
    """Holds the shelf to `max_bytes`, and to images used within `max_age`.

    It reads every record, twice where there is too much; its memory grows with neither: uses are
    counted by the hour.
    """

    def __init__(
        self,
        catalog: Catalog,
        store: ObjectStore,
        *,
        max_bytes: int,
        max_age: timedelta,
        clock: Clock = utc_now,
    ) -> None:
        self._records = catalog.records(SPACE)
        self._store = store
        self._max_bytes = max_bytes
        self._max_age = max_age
        self._clock = clock
        self._turns = Turns(catalog, max_bytes=max_bytes, clock=clock)

    async def in_turn(self) -> int:
        """Sweep if it is time, or much was written, and no other process does it."""
        turn = await self._turns.take()
        if turn is None:
            return 0
        well = False
        try:
            removed = await self(orphans=self._turns.is_whole(turn))
            well = True
        finally:
            await self._turns.end(turn, well=well)
        return removed

    async def __call__(self, *, orphans: bool = True) -> int:
        """Remove what must go; returns how many images went.

        `orphans` says whether objects are looked for that have no record, which lists all.
        """
        hours: Counter[int] = Counter()
        oldest = self._clock() - self._max_age
        removed = 0
        async for page in self._pages():
            expired = []
            for record in page:
                kept = Kept.model_validate(record.value)
                if kept.used_at < oldest:
                    expired.append(record)
                else:
                    hours[_hour(kept.used_at)] += kept.bytes
            removed += await self._remove(expired)
        too_much = hours.total() - self._max_bytes
        if too_much > 0:
            removed += await self._make_room(hours)
        return removed + (await self._orphans() if orphans else 0)

    async def _make_room(self, hours: Counter[int]) -> int:
        """Remove the least recently used, until a tenth of the shelf is free."""
        left = hours.total() - int(self._max_bytes * _ROOM)
        last = max(hours)
        whole = 0
        for hour in sorted(hours):
            last = hour
            if whole + hours[hour] > left:
                break
            whole += hours[hour]
        rest, removed = left - whole, 0
        async for page in self._pages():
            going = []
            for record in page:
                kept = Kept.model_validate(record.value)
                hour = _hour(kept.used_at)
                if hour < last or (hour == last and rest > 0):
                    rest -= kept.bytes if hour == last else 0
                    going.append(record)
            removed += await self._remove(going)
        return removed

    async def _remove(self, records: Sequence[Record]) -> int:
        """Remove images, unless they were used while this sweep went on."""
        objects = []
        for record in records:
            try:
                await self._records.delete(record.key, expected=record.version)
            except VersionConflict:
                continue
            objects.append(f"{DERIVED_PREFIX}{record.key}")
        if objects:
            await self._store.delete(Bucket.PRODUCTION, objects)
        return len(objects)

    async def _orphans(self) -> int:
        """Delete objects that no record names: a crash came between, or a sweep was cut short."""
        removed = 0
        batch: list[str] = []
        before = self._clock() - ORPHAN_AFTER
        async for item in self._store.list(Bucket.PRODUCTION, DERIVED_PREFIX):
            if item.modified > before:
                continue
            batch.append(item.key.removeprefix(DERIVED_PREFIX))
            if len(batch) >= _PAGE:
                removed += await self._unnamed(batch)
                batch = []
        return removed + (await self._unnamed(batch) if batch else 0)

    async def _unnamed(self, keys: Sequence[str]) -> int:
        """Delete those objects of a stretch of keys that have no record."""
        known: set[str] = set()
        # Records sort as objects do: those of this stretch lie between its first and last key.
        cursor: str | None = None
        start = _before(keys[0])
        while True:
            page, cursor = await self._records.list(
                "", limit=_PAGE, cursor=cursor, start_after=start
            )
            known |= {record.key for record in page}
            if cursor is None or (page and page[-1].key >= keys[-1]):
                break
        gone = [f"{DERIVED_PREFIX}{key}" for key in keys if key not in known]
        if gone:
            await self._store.delete(Bucket.PRODUCTION, gone)
            log.info("derived objects without a record", extra={"count": len(gone)})
        return len(gone)

    async def _pages(self) -> AsyncIterator[Sequence[Record]]:
        cursor: str | None = None
        while True:
            page, cursor = await self._records.list(limit=_PAGE, cursor=cursor)
            yield page
            if cursor is None:
                return


def _hour(moment: datetime) -> int:
    return int(moment.astimezone(UTC).timestamp() // _HOUR_S)


def _before(key: str) -> str:
    """A text that sorts just before a key, so that a list after it begins with the key."""
    return key[:-1]
