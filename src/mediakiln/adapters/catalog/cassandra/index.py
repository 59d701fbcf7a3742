"""The rows that lead to an asset: hints of events, due times, listings.

They are written before the record, with the time stamp of its write. A row that does not fit
the record is dropped by who reads it: at once where the record was written later than the row,
since then the row's write has happened or failed; else when it is too old to be under way.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from mediakiln.adapters.catalog import rules
from mediakiln.adapters.catalog.cassandra import partition, times
from mediakiln.adapters.catalog.cassandra.buckets import Buckets
from mediakiln.adapters.catalog.cassandra.link import Command, Link
from mediakiln.adapters.catalog.cassandra.partition import Facts
from mediakiln.model.asset import Asset
from mediakiln.model.kind import AssetState, Kind

_HINT = "INSERT INTO {ks}.hints (shard, minute, asset, at) VALUES (?, ?, ?, ?) USING TIMESTAMP ?"
_DROP_HINT = "DELETE FROM {ks}.hints USING TIMESTAMP ? WHERE shard = ? AND minute = ? AND asset = ?"
_DUE = (
    "INSERT INTO {ks}.due (shard, hour, due_at, asset, at) VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?"
)
_DROP_DUE = (
    "DELETE FROM {ks}.due USING TIMESTAMP ? "
    "WHERE shard = ? AND hour = ? AND due_at = ? AND asset = ?"
)
_LIST = (
    "INSERT INTO {ks}.listing (project, facet, month, created_at, asset, at) "
    "VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP ?"
)
_DROP_LIST = (
    "DELETE FROM {ks}.listing USING TIMESTAMP ? "
    "WHERE project = ? AND facet = ? AND month = ? AND created_at = ? AND asset = ?"
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A row that leads to an asset: its time, whether a record still fits it, how to drop it."""

    id: str
    at: int
    fits: Callable[[Asset], bool]
    drop: Command


def facet(state: AssetState | None, kind: Kind | None) -> str:
    """The list of a project that these filters name."""
    return f"{state.value if state else ''}/{kind.value if kind else ''}"


def hints_name(shard: int) -> str:
    """What the minutes with hints are noted under."""
    return f"hints/{shard}"


def due_name(shard: int) -> str:
    """What the hours with due times are noted under."""
    return f"due/{shard}"


def months_name(project: str) -> str:
    """What a project's months are noted under."""
    return f"months/{project}"


def drop_hint(shard: int, minute: int, id: str, at: int) -> Command:
    """The end of a hint of that time, not of a later one."""
    return _DROP_HINT, (at, shard, minute, id)


def drop_due(shard: int, due_at: int, id: str, at: int) -> Command:
    """The end of a due time written until then."""
    return _DROP_DUE, (at, shard, times.hour_of(due_at), due_at, id)


def drop_listing(project: str, name: str, month: int, created_at: int, id: str, at: int) -> Command:
    """The end of a place in a list, written until then."""
    return _DROP_LIST, (at, project, name, month, created_at, id)


class Index:
    """Writes and drops the rows; one for all tasks of a catalog."""

    def __init__(self, link: Link, buckets: Buckets) -> None:
        self._link = link
        self._buckets = buckets

    async def announce(self, asset: Asset, at: int, before: Facts | None, *, events: bool) -> None:
        """Write the rows that lead to a version which is about to be written."""
        shard = rules.shard_of(asset.id, times.SHARDS)
        notes: list[tuple[str, int]] = []
        rows: list[Command] = []
        if events:
            minute = times.minute_of(at)
            notes.append((hints_name(shard), minute))
            rows.append((_HINT, (shard, minute, asset.id, at, at)))
        if asset.due_at is not None and (before is None or before.due_at != asset.due_at):
            due_at = rules.micros(asset.due_at)
            hour = times.hour_of(due_at)
            notes.append((due_name(shard), hour))
            rows.append((_DUE, (shard, hour, due_at, asset.id, at, at)))
        known = set() if before is None else set(_facets(before.state, before.kind))
        if new := [name for name in _facets(asset.state, asset.kind) if name not in known]:
            created_at, month = rules.micros(asset.created_at), times.month_of(asset.created_at)
            notes.append((months_name(asset.project), month))
            place = (month, created_at, asset.id, at, at)
            rows += [(_LIST, (asset.project, name, *place)) for name in new]
        await asyncio.gather(
            *(self._buckets.note(*note) for note in notes),
            *(self._link.run(cql, *params) for cql, params in rows),
        )

    async def retire(self, before: Facts, asset: Asset) -> None:
        """Drop the rows of the version that was replaced, where they are not the new one's."""
        drops: list[Command] = []
        if before.due_at is not None and before.due_at != asset.due_at:
            shard = rules.shard_of(asset.id, times.SHARDS)
            drops.append(drop_due(shard, rules.micros(before.due_at), asset.id, before.at))
        place = (times.month_of(asset.created_at), rules.micros(asset.created_at), asset.id)
        kept = set(_facets(asset.state, asset.kind))
        drops += [
            drop_listing(asset.project, name, *place, before.at)
            for name in _facets(before.state, before.kind)
            if name not in kept
        ]
        await self.drop(drops)

    async def drop(self, drops: Sequence[Command]) -> None:
        """Delete rows."""
        await asyncio.gather(*(self._link.run(cql, *params) for cql, params in drops))

    async def led_to(self, entries: Sequence[Entry]) -> list[Asset | None]:
        """The record that each entry leads to, where it fits it; drops what never will."""
        found = await asyncio.gather(*(self._follow(entry) for entry in entries))
        await self.drop([drop for _, drop in found if drop is not None])
        return [asset for asset, _ in found]

    async def _follow(self, entry: Entry) -> tuple[Asset | None, Command | None]:
        """The record, or how to drop the entry, or neither."""
        stored = await partition.get(self._link, entry.id, serial=False)
        if stored is not None and entry.fits(stored.asset):
            return stored.asset, None
        if stored is not None and entry.at <= stored.at:
            return None, entry.drop
        if not times.settled(entry.at):
            return None, None
        # Only a serial read shows the write that was accepted and never came to its end.
        stored = await partition.get(self._link, entry.id)
        fits = stored is not None and entry.fits(stored.asset)
        return (stored.asset, None) if stored is not None and fits else (None, entry.drop)


def _facets(state: AssetState, kind: Kind | None) -> Iterator[str]:
    """The lists of its project that an asset stands in."""
    yield facet(None, None)
    yield facet(state, None)
    if kind is not None:
        yield facet(None, kind)
        yield facet(state, kind)
