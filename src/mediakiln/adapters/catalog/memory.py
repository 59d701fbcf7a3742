"""A catalog in this process's memory: for tests, and for work that needs no server.

Records are kept as JSON text, as the durable engines keep them, so that nothing a caller holds
is shared with what is stored.
"""

import asyncio
import bisect
import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from mediakiln.adapters.catalog import rules
from mediakiln.adapters.catalog.cursor import seal, unseal
from mediakiln.adapters.catalog.memory_records import MemoryRecords
from mediakiln.model.asset import Asset
from mediakiln.model.errors import EngineMisconfigured, EngineUnavailable, NotFound
from mediakiln.model.kind import AssetState, Kind
from mediakiln.ports.catalog import CatalogCapabilities, Outgoing, Page, Pending


@dataclass(frozen=True, slots=True)
class _Row:
    """A record's text, and the parts of it that are searched by."""

    text: str
    version: int
    project: str
    state: AssetState
    kind: Kind | None
    created_at: int
    due_at: int | None

    @classmethod
    def of(cls, asset: Asset) -> Self:
        return cls(
            text=rules.encode(asset),
            version=asset.version,
            project=asset.project,
            state=asset.state,
            kind=asset.kind,
            created_at=rules.micros(asset.created_at),
            due_at=None if asset.due_at is None else rules.micros(asset.due_at),
        )


class MemoryCatalog:
    """Everything in dictionaries; an operation never yields between its check and its write."""

    def __init__(self, *, shards: int = 1) -> None:
        self._shards = shards
        self._rows: dict[str, _Row] = {}
        self._newest: dict[str, list[tuple[int, str]]] = {}
        self._due: dict[str, int] = {}
        self._pending: dict[tuple[str, str], Pending] = {}
        self._spaces: dict[str, MemoryRecords] = {}
        self._closed = False

    @classmethod
    def from_url(cls, url: str) -> Self:
        """Build from `memory://`.

        Raises:
            EngineMisconfigured: another URL.
        """
        if url != "memory://":
            raise EngineMisconfigured(f"not a memory catalog's URL: {url}", hint="use memory://")
        return cls()

    @property
    def capabilities(self) -> CatalogCapabilities:
        """Neither shared nor durable."""
        return CatalogCapabilities(shared=False, durable=False, shards=self._shards)

    async def ensure(self) -> None:
        """There is no schema to make."""
        await self._turn()

    async def create(self, asset: Asset, events: Sequence[Outgoing] = ()) -> Asset:
        """See `ports.catalog.Catalog.create`."""
        await self._turn()
        rules.check_events(events)
        written = asset.model_copy(update={"version": 1})
        row = _Row.of(written)
        if asset.id in self._rows:
            return rules.settle_create(rules.decode(self._rows[asset.id].text), asset)
        bisect.insort(self._newest.setdefault(row.project, []), (row.created_at, asset.id))
        self._write(asset.id, row, events)
        return rules.decode(row.text)

    async def get(self, id: str) -> Asset | None:
        """See `ports.catalog.Catalog.get`."""
        await self._turn()
        row = self._rows.get(id)
        return None if row is None else rules.decode(row.text)

    async def get_many(self, ids: Sequence[str]) -> Mapping[str, Asset]:
        """See `ports.catalog.Catalog.get_many`."""
        await self._turn()
        return {id: rules.decode(self._rows[id].text) for id in ids if id in self._rows}

    async def update(
        self, asset: Asset, *, expected: int, events: Sequence[Outgoing] = ()
    ) -> Asset:
        """See `ports.catalog.Catalog.update`."""
        await self._turn()
        rules.check_events(events)
        row = _Row.of(asset.model_copy(update={"version": expected + 1}))
        stored = self._rows.get(asset.id)
        if stored is None:
            raise NotFound(f"there is no asset {asset.id}", asset=asset.id)
        moved = (stored.project, stored.created_at) != (row.project, row.created_at)
        if stored.version != expected or moved:
            return rules.settle_update(rules.decode(stored.text), asset, expected)
        self._write(asset.id, row, events)
        return rules.decode(row.text)

    async def list(
        self,
        project: str,
        *,
        state: AssetState | None = None,
        kind: Kind | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page:
        """See `ports.catalog.Catalog.list`."""
        await self._turn()
        rules.check_limit(limit)
        scope = ("assets", project, state, kind)
        order = self._newest.get(project, [])
        end = len(order)
        if cursor is not None:
            created_at, id = unseal(cursor, scope)
            end = bisect.bisect_left(order, (int(created_at), str(id)))
        found: list[Asset] = []
        for _, id in reversed(order[:end]):
            row = self._rows[id]
            if state not in {None, row.state} or kind not in {None, row.kind}:
                continue
            if len(found) == limit:
                last = found[-1]
                return Page(found, seal((rules.micros(last.created_at), last.id), scope))
            found.append(rules.decode(row.text))
        return Page(found, None)

    async def due(self, before: datetime, *, shard: int = 0, limit: int = 100) -> Sequence[Asset]:
        """See `ports.catalog.Catalog.due`."""
        await self._turn()
        rules.check_limit(limit)
        end = rules.micros(before)
        ready = (
            (at, id)
            for id, at in self._due.items()
            if at < end and rules.shard_of(id, self._shards) == shard
        )
        return [rules.decode(self._rows[id].text) for _, id in heapq.nsmallest(limit, ready)]

    async def outbox(
        self, *, before: datetime, shard: int = 0, limit: int = 100
    ) -> Sequence[Pending]:
        """See `ports.catalog.Catalog.outbox`."""
        await self._turn()
        rules.check_limit(limit)
        rules.micros(before)
        found = (
            pending
            for pending in self._pending.values()
            if pending.created_at < before and rules.shard_of(pending.asset, self._shards) == shard
        )
        return [pending for pending, _ in zip(found, range(limit), strict=False)]

    async def sent(self, events: Sequence[tuple[str, str]]) -> None:
        """See `ports.catalog.Catalog.sent`."""
        await self._turn()
        for event in events:
            self._pending.pop(event, None)

    def records(self, space: str) -> MemoryRecords:
        """See `ports.catalog.Catalog.records`."""
        return self._spaces.setdefault(space, MemoryRecords(space, self._turn))

    async def close(self) -> None:
        """Refuse further calls."""
        self._closed = True

    async def _turn(self) -> None:
        """Let other tasks run first, as every engine across a wire does: races show early."""
        if self._closed:
            raise EngineUnavailable("the catalog is closed")
        await asyncio.sleep(0)

    def _write(self, id: str, row: _Row, events: Sequence[Outgoing]) -> None:
        self._rows[id] = row
        if row.due_at is None:
            self._due.pop(id, None)
        else:
            self._due[id] = row.due_at
        at = rules.now()
        for event in events:
            key = (id, event.message.id)
            self._pending.setdefault(key, Pending(id, event.topic, event.message, event.delay, at))
