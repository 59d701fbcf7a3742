"""The catalog itself: every method is one round trip, two in conflict."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Self

from mediakiln.adapters.catalog import rules
from mediakiln.adapters.catalog.cursor import seal, unseal
from mediakiln.adapters.catalog.postgres import assets, statements
from mediakiln.adapters.catalog.postgres.connections import Connection, Connections
from mediakiln.adapters.catalog.postgres.marks import Marks
from mediakiln.adapters.catalog.postgres.migrate import migrate
from mediakiln.adapters.catalog.postgres.options import Options
from mediakiln.adapters.catalog.postgres.purge import Purge
from mediakiln.adapters.catalog.postgres.records import PostgresRecords
from mediakiln.adapters.catalog.schema import SHARDS
from mediakiln.model.asset import Asset
from mediakiln.model.kind import AssetState, Kind
from mediakiln.ports.catalog import CatalogCapabilities, Outgoing, Page, Pending

_MIGRATION_S = 3600.0
"""A revision may have to rewrite a large table, or wait for whoever does."""


class PostgresCatalog:
    """One schema of a PostgreSQL database, version 13 or newer.

    The URL is `postgresql://USER:PASSWORD@HOST:PORT/DATABASE`; several hosts are separated by
    commas. Options behind a question mark: `schema` (mediakiln) in which the tables are; `pool`
    (8), how many connections a process opens at most; `timeout` (10), seconds that a statement
    may take; `connect_timeout` (5), seconds to wait for a connection; `application_name`
    (mediakiln). With their meaning in libpq: `sslmode`, `sslrootcert`, `sslcert`, `sslkey`,
    `sslcrl`, `passfile`, `target_session_attrs` (read-write finds the primary among the hosts).

    Sessions carry settings and prepared statements: a pooler in between, such as PgBouncer, has
    to pool sessions, not transactions.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._connections = Connections(options)
        self._marks = Marks(self._connections)
        self._purge = Purge(self._connections)

    @classmethod
    def from_url(cls, url: str) -> Self:
        """Build from a URL as the class describes it; nothing is connected yet.

        Raises:
            EngineMisconfigured: not such a URL, or an option is unknown or has no sense.
        """
        return cls(Options.from_url(url))

    @property
    def capabilities(self) -> CatalogCapabilities:
        """Shared by every machine's processes, and durable."""
        return CatalogCapabilities(shared=True, durable=True, shards=SHARDS)

    async def ensure(self) -> None:
        """Make the schema, or bring it up to date.

        Raises:
            EngineMisconfigured: no such database, a wrong password, a missing permission, a
                server that is too old or not durable, or a newer release has been here.
        """

        async def work(connection: Connection) -> None:
            await migrate(connection, self._options.schema)

        await self._connections.use(work, timeout=_MIGRATION_S)

    async def create(self, asset: Asset, events: Sequence[Outgoing] = ()) -> Asset:
        """See `ports.catalog.Catalog.create`."""
        work = assets.create(asset, events)
        return await self._connections.write(work, repeatable=asset.mutation_id is not None)

    async def get(self, id: str) -> Asset | None:
        """See `ports.catalog.Catalog.get`."""
        if not rules.storable(id):
            return None

        async def work(connection: Connection) -> Asset | None:
            return await assets.get(connection, id)

        return await self._connections.read(work)

    async def get_many(self, ids: Sequence[str]) -> Mapping[str, Asset]:
        """See `ports.catalog.Catalog.get_many`."""
        known = [id for id in ids if rules.storable(id)]
        rows = await self._fetch(statements.GET_MANY, known)
        return {row["id"]: rules.decode(row["body"]) for row in rows}

    async def update(
        self, asset: Asset, *, expected: int, events: Sequence[Outgoing] = ()
    ) -> Asset:
        """See `ports.catalog.Catalog.update`."""
        work = assets.update(asset, expected, events)
        return await self._connections.write(work, repeatable=asset.mutation_id is not None)

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
        values: list[Any] = [project, limit + 1]
        values += [value.value for value in (state, kind) if value is not None]
        if cursor is not None:
            values += unseal(cursor, scope)
        if not rules.storable(project):
            return Page([], None)
        sql = statements.page(
            state=state is not None, kind=kind is not None, after=cursor is not None
        )
        found = [rules.decode(row["body"]) for row in await self._fetch(sql, *values)]
        if len(found) <= limit:
            return Page(found, None)
        last = found[limit - 1]
        return Page(found[:limit], seal((rules.micros(last.created_at), last.id), scope))

    async def due(self, before: datetime, *, shard: int = 0, limit: int = 100) -> Sequence[Asset]:
        """See `ports.catalog.Catalog.due`."""
        rules.check_limit(limit)
        rows = await self._fetch(statements.DUE, shard, rules.micros(before), limit)
        return [rules.decode(row["body"]) for row in rows]

    async def outbox(
        self, *, before: datetime, shard: int = 0, limit: int = 100
    ) -> Sequence[Pending]:
        """See `ports.catalog.Catalog.outbox`."""
        rules.check_limit(limit)
        rows = await self._fetch(statements.OUTBOX, shard, rules.micros(before), limit)
        return [assets.pending(row) for row in rows]

    async def sent(self, events: Sequence[tuple[str, str]]) -> None:
        """See `ports.catalog.Catalog.sent`.

        Concurrent calls share one statement, whose commit does not wait for the disk. A crash of
        the server may undo the last ones, and their events are sent again.
        """
        known = [(asset, message) for asset, message in events if rules.storable(asset + message)]
        if known:
            await self._marks.delete(known)

    def records(self, space: str) -> PostgresRecords:
        """See `ports.catalog.Catalog.records`."""
        return PostgresRecords(self._connections, self._purge, space)

    async def close(self) -> None:
        """Wait a moment for what is under way, and let go of connections."""
        await self._purge.close()
        await self._connections.close()

    async def _fetch(self, sql: str, *values: Any) -> Sequence[Any]:
        async def work(connection: Connection) -> Sequence[Any]:
            rows: Sequence[Any] = await connection.fetch(sql, *values)
            return rows

        return await self._connections.read(work)
