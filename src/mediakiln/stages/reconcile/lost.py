"""Objects of the input bucket whose event was lost: found by listing, a bounded bit at a time."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Final

from mediakiln.model.asset import Asset
from mediakiln.model.clock import Clock, utc_now
from mediakiln.model.drops import dropped_id
from mediakiln.model.errors import MediakilnError, VersionConflict
from mediakiln.model.keys import Bucket, parse_input_key
from mediakiln.ports.catalog import Catalog
from mediakiln.ports.direct import Described
from mediakiln.ports.object_store import ObjectInfo, ObjectStore
from mediakiln.stages.reconcile.housekeeping import ORPHAN_AFTER
from mediakiln.telemetry import metrics

log = logging.getLogger(__name__)

SPACE: Final = "lost"
DROPPED_WITHIN: Final = timedelta(days=7)
"""How old a dropped object may be: older ones were there before their rule, or were seen."""

_BATCH: Final = 200
_KEPT: Final = timedelta(days=3)
"""How long a place in a listing is remembered."""

Adopt = Callable[[str], Awaitable[Asset | None]]
"""`Adoption`, or what else makes the asset of the object under a key."""


class LostObjects:
    """Lists today's and yesterday's uploads and the prefixes of others, and adopts the forgotten.

    Each run reads at most `most` objects and goes on where the one before ended, whichever
    process that was. What is younger than `grace` may still be told of; what is older than a day
    under this platform's own keys is an orphan, which is swept.
    """

    def __init__(
        self,
        catalog: Catalog,
        store: ObjectStore,
        adopt: Adopt,
        *,
        projects: Callable[[], Awaitable[Sequence[str]]],
        prefixes: Sequence[str],
        grace: timedelta,
        most: int = 20_000,
        clock: Clock = utc_now,
    ) -> None:
        self._catalog = catalog
        self._places = catalog.records(SPACE)
        self._store = store
        self._adopt = adopt
        self._projects = projects
        self._prefixes = prefixes
        self._grace = grace
        self._most = most
        self._clock = clock

    async def sweep(self) -> int:
        """Adopt what was forgotten; returns how many."""
        today = self._clock().date()
        days = [f"{today - timedelta(days=back):%Y/%m/%d}" for back in (0, 1)]
        # Where nobody can tell another's objects from ours, nobody else is let write ours.
        projects = await self._projects() if isinstance(self._store, Described) else []
        prefixes = [*self._prefixes, *(f"{name}/{day}/" for name in projects for day in days)]
        share = max(1, self._most // max(1, len(prefixes)))
        return sum([await self._below(prefix, share) for prefix in prefixes])

    async def _below(self, prefix: str, most: int) -> int:
        """Look at the next `most` objects of a prefix, and from its beginning after its end."""
        place = await self._places.get(prefix)
        after = str(place.value["after"]) if place is not None else ""
        adopted = seen = 0
        async for batch in self._batches(prefix, after, most):
            seen += len(batch)
            after = batch[-1].key
            adopted += await self._adopt_unknown(batch)
        try:
            await self._places.put(
                prefix,
                {"after": after if seen >= most else ""},
                expected=place.version if place is not None else None,
                expires_at=self._clock() + _KEPT,
            )
        except VersionConflict:
            log.info("another process looks for lost objects", extra={"key": prefix})
        return adopted

    async def _adopt_unknown(self, batch: Sequence[ObjectInfo]) -> int:
        ids = {item.key: id for item in batch if (id := self._id(item)) is not None}
        known = await self._catalog.get_many(list(ids.values())) if ids else {}
        adopted = 0
        for key, id in ids.items():
            if id in known:
                continue
            try:
                asset = await self._adopt(key)
            except MediakilnError as error:
                log.warning("a lost object is not adopted yet: %s", error, extra={"key": key})
                continue
            if asset is not None and asset.id == id:
                adopted += 1
                metrics.RECONCILED.labels("adopted").inc()
                log.info("an object whose event was lost", extra={"asset": id, "key": key})
        return adopted

    def _id(self, item: ObjectInfo) -> str | None:
        """The id of the asset that an object should be; None where it is too new or too old."""
        age = self._clock() - item.modified
        parsed = parse_input_key(item.key)
        if not self._grace < age < (DROPPED_WITHIN if parsed is None else ORPHAN_AFTER):
            return None
        if parsed is not None:
            return parsed[1]
        if item.key.endswith("/"):
            return None
        return dropped_id(item.key, etag=item.etag, version=item.version, modified=item.modified)

    async def _batches(
        self, prefix: str, after: str, most: int
    ) -> AsyncIterator[Sequence[ObjectInfo]]:
        batch: list[ObjectInfo] = []
        seen = 0
        async for item in self._store.list(Bucket.INPUT, prefix, start_after=after):
            batch.append(item)
            seen += 1
            if len(batch) >= _BATCH or seen >= most:
                yield batch
                batch = []
            if seen >= most:
                return
        if batch:
            yield batch
