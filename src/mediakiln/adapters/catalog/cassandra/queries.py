"""Reading the index: what is due, what is pending, a page of a list."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from mediakiln.adapters.catalog import rules
from mediakiln.adapters.catalog.cassandra import index, partition, times
from mediakiln.adapters.catalog.cassandra.buckets import Buckets
from mediakiln.adapters.catalog.cassandra.index import Entry, Index
from mediakiln.adapters.catalog.cassandra.link import IN_FLIGHT, Command, Link
from mediakiln.adapters.catalog.cassandra.partition import Partition
from mediakiln.model.asset import Asset
from mediakiln.model.kind import AssetState, Kind
from mediakiln.ports.catalog import Pending

_HINTS = "SELECT asset, at FROM {ks}.hints WHERE shard = ? AND minute = ? AND asset > ? LIMIT ?"
_DUE = (
    "SELECT due_at, asset, at FROM {ks}.due WHERE shard = ? AND hour = ? "
    "AND (due_at, asset) > (?, ?) AND (due_at) < (?) LIMIT ?"
)
_LIST = (
    "SELECT created_at, asset, at FROM {ks}.listing WHERE project = ? AND facet = ? AND month = ? "
    "AND (created_at, asset) < (?, ?) LIMIT ?"
)
_LEAST, _MOST = -(2**63), 2**63 - 1


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a project's list; what follows it is older."""

    month: int
    created_at: int
    id: str


class Queries:
    """The queries that go through the index, and tidy it as they go."""

    def __init__(self, link: Link, buckets: Buckets, rows: Index) -> None:
        self._link = link
        self._buckets = buckets
        self._index = rows

    async def outbox(self, shard: int, before: datetime, limit: int) -> Sequence[Pending]:
        """Events kept since before that time, in order per asset."""
        end = rules.micros(before)
        found: list[Pending] = []
        read: dict[str, Partition] = {}
        name = index.hints_name(shard)
        for minute in await self._buckets.filled(name, times.minute_of(end)):
            began, empty = times.now(), True
            async for hints in self._hints(shard, minute):
                empty = False
                new = [id for id, _ in hints if id not in read]
                parts = await asyncio.gather(*(partition.read(self._link, id) for id in new))
                read |= zip(new, parts, strict=True)
                for part in parts:
                    found += (event for event in part.events if event.created_at < before)
                await self._index.drop(_spent(shard, minute, hints, read))
                if len(found) >= limit:
                    return found[:limit]
            if empty and times.settled(times.minute_ends(minute)):
                await self._buckets.drop(name, minute, began)
        return found

    async def due(self, shard: int, before: datetime, limit: int) -> Sequence[Asset]:
        """What was due before that time, the longest due first."""
        end = rules.micros(before)
        found: list[Asset] = []
        name = index.due_name(shard)
        for hour in await self._buckets.filled(name, times.hour_of(end)):
            began, last, empty = times.now(), (_LEAST, ""), True
            while len(found) < limit:
                rows = await self._link.run(_DUE, shard, hour, *last, end, IN_FLIGHT)
                entries = [_due_entry(shard, r["due_at"], r["asset"], r["at"]) for r in rows]
                found += filter(None, await self._index.led_to(entries))
                if rows:
                    last, empty = (rows[-1]["due_at"], rows[-1]["asset"]), False
                if len(rows) < IN_FLIGHT:
                    break
            if len(found) >= limit:
                break
            if empty and hour < times.hour_of(end) and times.settled(times.hour_ends(hour)):
                await self._buckets.drop(name, hour, began)
        return found[:limit]

    async def page(
        self,
        project: str,
        state: AssetState | None,
        kind: Kind | None,
        after: Place | None,
        limit: int,
    ) -> list[Asset]:
        """The newest assets of a list, or those that follow a place in it."""
        found: list[Asset] = []
        name = index.facet(state, kind)
        months = await self._buckets.filled(index.months_name(project))
        for month in reversed(months):
            if after is not None and month > after.month:
                continue
            same = after is not None and month == after.month
            last = (after.created_at, after.id) if after is not None and same else (_MOST, "")
            while len(found) < limit:
                size = min(limit - len(found), 4 * IN_FLIGHT)
                rows = await self._link.run(_LIST, project, name, month, *last, size)
                entries = [
                    _list_entry(project, state, kind, month, r["created_at"], r["asset"], r["at"])
                    for r in rows
                ]
                found += filter(None, await self._index.led_to(entries))
                if len(rows) < size:
                    break
                last = (rows[-1]["created_at"], rows[-1]["asset"])
        return found

    async def _hints(self, shard: int, minute: int) -> AsyncIterator[list[tuple[str, int]]]:
        last = ""
        while True:
            rows = await self._link.run(_HINTS, shard, minute, last, IN_FLIGHT)
            if rows:
                yield [(row["asset"], row["at"]) for row in rows]
                last = rows[-1]["asset"]
            if len(rows) < IN_FLIGHT:
                return


def _spent(
    shard: int, minute: int, hints: Sequence[tuple[str, int]], read: dict[str, Partition]
) -> list[Command]:
    """How to drop the hints whose writes have happened or failed, and whose events are sent."""
    return [
        index.drop_hint(shard, minute, id, at)
        for id, at in hints
        if not read[id].events and (at <= read[id].at or times.settled(at))
    ]


def _due_entry(shard: int, due_at: int, id: str, at: int) -> Entry:
    def fits(asset: Asset) -> bool:
        return asset.due_at is not None and rules.micros(asset.due_at) == due_at

    return Entry(id, at, fits, index.drop_due(shard, due_at, id, at))


def _list_entry(
    project: str,
    state: AssetState | None,
    kind: Kind | None,
    month: int,
    created_at: int,
    id: str,
    at: int,
) -> Entry:
    def fits(asset: Asset) -> bool:
        return (
            (asset.project, rules.micros(asset.created_at)) == (project, created_at)
            and state in {None, asset.state}
            and kind in {None, asset.kind}
        )

    name = index.facet(state, kind)
    drop = index.drop_listing(project, name, month, created_at, id, at)
    return Entry(id, at, fits, drop)
