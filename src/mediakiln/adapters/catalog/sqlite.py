"""A catalog in one SQLite file, for every process of one machine.

Reads go to a few reader threads, writes to one writer thread per process that commits what has
queued up in one transaction. The file must be on a local disk: WAL needs shared memory.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Self

import sqlalchemy as sa

from mediakiln.adapters.catalog import rules, sqlite_assets
from mediakiln.adapters.catalog.cursor import seal, unseal
from mediakiln.adapters.catalog.migrate import migrate
from mediakiln.adapters.catalog.schema import SHARDS
from mediakiln.adapters.catalog.sqlite_connection import open_engine, translate
from mediakiln.adapters.catalog.sqlite_records import SqliteRecords, purge
from mediakiln.adapters.catalog.sqlite_threads import Threads
from mediakiln.model.asset import Asset
from mediakiln.model.errors import EngineMisconfigured, EngineUnavailable
from mediakiln.model.kind import AssetState, Kind
from mediakiln.ports.catalog import CatalogCapabilities, Outgoing, Page, Pending


class SqliteCatalog:
    """One file; shared by processes, durable at each acknowledged write.

    `busy_timeout_s` is how long a write waits for other processes' transactions.
    """

    def __init__(self, path: Path, *, busy_timeout_s: float = 10.0, readers: int = 2) -> None:
        self._path = path
        self._engine = open_engine(path, busy_timeout_s=busy_timeout_s)
        self._threads = Threads(
            self._engine, path, readers=readers, mark=sqlite_assets.forget, purge=purge
        )

    @classmethod
    def from_url(cls, url: str) -> Self:
        """Build from `sqlite:////absolute/path.db` (or `sqlite:///relative.db`).

        Raises:
            EngineMisconfigured: not a SQLite URL, or one that names no file.
        """
        try:
            parsed = sa.make_url(url)
        except sa.exc.ArgumentError as error:
            raise EngineMisconfigured(f"not a URL: {url}") from error
        if parsed.drivername != "sqlite" or parsed.host or parsed.database in {None, ""}:
            raise EngineMisconfigured(
                f"not a SQLite catalog's URL: {url}", hint="use sqlite:////absolute/path.db"
            )
        if parsed.database == ":memory:" or parsed.query:
            raise EngineMisconfigured(
                f"a SQLite catalog is a plain file: {url}", hint="memory:// keeps nothing on disk"
            )
        return cls(Path(str(parsed.database)))

    @property
    def capabilities(self) -> CatalogCapabilities:
        """Shared by the machine's processes, and durable."""
        return CatalogCapabilities(shared=True, durable=True, shards=SHARDS)

    async def ensure(self) -> None:
        """Make the file and its folder, or bring its schema up to date.

        Raises:
            EngineMisconfigured: a newer release has been here.
            EngineError: the file is damaged or no database.
        """
        await asyncio.to_thread(self._migrate)

    async def create(self, asset: Asset, events: Sequence[Outgoing] = ()) -> Asset:
        """See `ports.catalog.Catalog.create`."""
        return await self._threads.writer.do(sqlite_assets.create(asset, events))

    async def get(self, id: str) -> Asset | None:
        """See `ports.catalog.Catalog.get`."""
        if not rules.storable(id):
            return None
        return await self._threads.readers.do(partial(sqlite_assets.get, id=id))

    async def get_many(self, ids: Sequence[str]) -> Mapping[str, Asset]:
        """See `ports.catalog.Catalog.get_many`."""
        known = [id for id in ids if rules.storable(id)]
        return await self._threads.readers.do(partial(sqlite_assets.get_many, ids=known))

    async def update(
        self, asset: Asset, *, expected: int, events: Sequence[Outgoing] = ()
    ) -> Asset:
        """See `ports.catalog.Catalog.update`."""
        return await self._threads.writer.do(sqlite_assets.update(asset, expected, events))

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
        params = {"project": project, "state": state, "kind": kind, "limit": limit + 1}
        if cursor is not None:
            params["created_at"], params["id"] = unseal(cursor, scope)
        statement = sqlite_assets.list_statement(
            state=state is not None, kind=kind is not None, after=cursor is not None
        )
        work = partial(sqlite_assets.page, statement=statement, params=params)
        found = await self._threads.readers.do(work)
        if len(found) <= limit:
            return Page(found, None)
        last = found[limit - 1]
        return Page(found[:limit], seal((rules.micros(last.created_at), last.id), scope))

    async def due(self, before: datetime, *, shard: int = 0, limit: int = 100) -> Sequence[Asset]:
        """See `ports.catalog.Catalog.due`."""
        rules.check_limit(limit)
        end = rules.micros(before)
        work = partial(sqlite_assets.due, shard=shard, before=end, limit=limit)
        return await self._threads.readers.do(work)

    async def outbox(
        self, *, before: datetime, shard: int = 0, limit: int = 100
    ) -> Sequence[Pending]:
        """See `ports.catalog.Catalog.outbox`."""
        rules.check_limit(limit)
        end = rules.micros(before)
        await self._threads.writer.flush()
        work = partial(sqlite_assets.pending, shard=shard, before=end, limit=limit)
        return await self._threads.readers.do(work)

    async def sent(self, events: Sequence[tuple[str, str]]) -> None:
        """See `ports.catalog.Catalog.sent`.

        Returns at once: the marks go with the next commit, or after 50 ms, and show in this
        process's `outbox` immediately. A crash may lose some, and their events are sent again.
        """
        known = [(asset, message) for asset, message in events if rules.storable(asset + message)]
        if known:
            self._threads.writer.mark(known)

    def records(self, space: str) -> SqliteRecords:
        """See `ports.catalog.Catalog.records`."""
        return SqliteRecords(self._threads, space)

    async def close(self) -> None:
        """Commit what was given, marks included, and let go of threads and connections."""
        await asyncio.to_thread(self._threads.close)
        self._engine.dispose()

    def _migrate(self) -> None:
        self._threads.check_open()
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            migrate(self._engine)
        except sa.exc.DBAPIError as error:
            raise translate(error, self._path) or error from error
        except OSError as error:
            path = str(self._path.parent)
            raise EngineUnavailable(f"no folder for the catalog: {error}", path=path) from error
