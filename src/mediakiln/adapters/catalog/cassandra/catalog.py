"""The catalog itself: each method of the port, by the parts beside this file."""

import asyncio
import contextlib
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Self

from mediakiln.adapters.catalog import rules
from mediakiln.adapters.catalog.cassandra import partition, schema, times
from mediakiln.adapters.catalog.cassandra.buckets import Buckets
from mediakiln.adapters.catalog.cassandra.index import Index
from mediakiln.adapters.catalog.cassandra.link import Link
from mediakiln.adapters.catalog.cassandra.partition import Facts
from mediakiln.adapters.catalog.cassandra.queries import Place, Queries
from mediakiln.adapters.catalog.cassandra.recent import Recent
from mediakiln.adapters.catalog.cassandra.records import CassandraRecords
from mediakiln.adapters.catalog.cassandra.target import Target
from mediakiln.adapters.catalog.cursor import seal, unseal
from mediakiln.model.asset import Asset
from mediakiln.model.errors import EngineUnavailable, NotFound
from mediakiln.model.kind import AssetState, Kind
from mediakiln.ports.catalog import CatalogCapabilities, Outgoing, Page, Pending


class CassandraCatalog:
    """One keyspace of a cluster.

    `cassandra://[user:password@]host[:port][,host2…]/keyspace`, with the options `dc` (the data
    centre to talk to; that of the contact points without it), `replication` (copies in that
    data centre, 1 to 9, used only when `ensure` makes the keyspace; 3) and `timeout` (seconds
    for a request, 1 to 30; 10). With `tls=true` connections are encrypted: `ca` (a file in PEM
    of whom to trust, else the system's), `verify` (`full`: the certificate is trusted and names
    the node's address; `ca`: trusted; `none`: any), `certificate` and `key` (files in PEM, for
    nodes that ask who we are). The clocks of all writers agree within a minute.
    """

    def __init__(self, target: Target) -> None:
        self._link = Link(target)
        self._recent = Recent()
        buckets = Buckets(self._link)
        self._index = Index(self._link, buckets)
        self._queries = Queries(self._link, buckets, self._index)

    @classmethod
    def from_url(cls, url: str) -> Self:
        """Build from a URL; nothing is connected yet.

        Raises:
            EngineMisconfigured: not a Cassandra catalog's URL, or an unknown option.
        """
        return cls(Target.from_url(url))

    @property
    def capabilities(self) -> CatalogCapabilities:
        """Shared, and durable as the cluster's replicas and commit logs are."""
        return CatalogCapabilities(shared=True, durable=True, shards=times.SHARDS)

    async def ensure(self) -> None:
        """Make the keyspace, where that is permitted, and the tables.

        Raises:
            EngineMisconfigured: they may not be made, or are a newer release's.
        """
        await schema.ensure(self._link)

    async def create(self, asset: Asset, events: Sequence[Outgoing] = ()) -> Asset:
        """See `ports.catalog.Catalog.create`."""
        rules.check_events(events)
        written = asset.model_copy(update={"version": 1})
        rules.encode(written)
        at, writer = times.now(), uuid.uuid4()
        await self._index.announce(written, at, None, events=bool(events))
        if not await partition.create(self._link, written, at, writer, events):
            stored = await partition.get(self._link, asset.id)
            if stored is None:
                raise EngineUnavailable("Cassandra shows no record where one stood in the way")
            if stored.writer != writer:
                return rules.settle_create(stored.asset, asset)
        self._recent.learn(asset.id, Facts.of(written, at))
        return written

    async def get(self, id: str) -> Asset | None:
        """See `ports.catalog.Catalog.get`."""
        stored = await partition.get(self._link, id)
        if stored is None:
            return None
        self._recent.learn(id, stored.facts)
        return stored.asset

    async def get_many(self, ids: Sequence[str]) -> Mapping[str, Asset]:
        """See `ports.catalog.Catalog.get_many`."""
        unique = list(dict.fromkeys(ids))
        found = await asyncio.gather(*map(self.get, unique))
        return {id: asset for id, asset in zip(unique, found, strict=True) if asset is not None}

    async def update(
        self, asset: Asset, *, expected: int, events: Sequence[Outgoing] = ()
    ) -> Asset:
        """See `ports.catalog.Catalog.update`."""
        rules.check_events(events)
        written = asset.model_copy(update={"version": expected + 1})
        rules.encode(written)
        before = self._recent.version(asset.id, expected)
        if before is None:
            stored = await self._stored(asset.id)
            if stored.asset.version != expected:
                return rules.settle_update(stored.asset, asset, expected)
            before = stored.facts
        at, writer = max(times.now(), before.at + 1), uuid.uuid4()
        await self._index.announce(written, at, before, events=bool(events))
        if not await partition.update(self._link, written, at, writer, events):
            stored = await self._stored(asset.id)
            if stored.writer != writer:
                return rules.settle_update(stored.asset, asset, expected)
        self._recent.learn(asset.id, Facts.of(written, at))
        with contextlib.suppress(EngineUnavailable):  # else who reads the rows drops them
            await self._index.retire(before, written)
        return written

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
        rules.check_limit(limit)
        scope = ("assets", project, state, kind)
        after = None
        if cursor is not None:
            created_at, id = unseal(cursor, scope)
            month = times.month_of(rules.moment(int(created_at)))
            after = Place(month, int(created_at), str(id))
        found = await self._queries.page(project, state, kind, after, limit + 1)
        if len(found) <= limit:
            return Page(found, None)
        last = found[limit - 1]
        return Page(found[:limit], seal((rules.micros(last.created_at), last.id), scope))

    async def due(self, before: datetime, *, shard: int = 0, limit: int = 100) -> Sequence[Asset]:
        """See `ports.catalog.Catalog.due`."""
        rules.check_limit(limit)
        return await self._queries.due(shard, before, limit)

    async def outbox(
        self, *, before: datetime, shard: int = 0, limit: int = 100
    ) -> Sequence[Pending]:
        """See `ports.catalog.Catalog.outbox`."""
        rules.check_limit(limit)
        return await self._queries.outbox(shard, before, limit)

    async def sent(self, events: Sequence[tuple[str, str]]) -> None:
        """See `ports.catalog.Catalog.sent`."""
        by_asset: defaultdict[str, list[str]] = defaultdict(list)
        for id, message in events:
            if partition.readable(id) and rules.storable(message):
                by_asset[id].append(message)
        await asyncio.gather(
            *(partition.forget(self._link, id, kept) for id, kept in by_asset.items())
        )

    def records(self, space: str) -> CassandraRecords:
        """See `ports.catalog.Catalog.records`."""
        return CassandraRecords(self._link, space)

    async def close(self) -> None:
        """Let go of connections and the driver's threads."""
        await self._link.close()

    async def _stored(self, id: str) -> partition.Stored:
        stored = await partition.get(self._link, id)
        if stored is None:
            raise NotFound(f"there is no asset {id}", asset=id)
        return stored
