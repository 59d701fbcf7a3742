"""Records spaces in SQLite.

A new key's version is the time in microseconds, so that a key deleted and made anew never
comes back to a version that an old writer still holds.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from mediakiln.adapters.catalog import rules
from mediakiln.adapters.catalog.scan import Scan, conflict
from mediakiln.adapters.catalog.schema import records
from mediakiln.adapters.catalog.sqlite_threads import Threads
from mediakiln.ports.catalog import Record

PURGE_ROWS = 200

_b = sa.bindparam
_HERE = (records.c.space == _b("its_space"), records.c.key == _b("its_key"))
_LIVE = sa.or_(records.c.expires_at.is_(None), records.c.expires_at > _b("now"))

_GET = sa.select(records.c.value, records.c.version, records.c.expires_at).where(*_HERE, _LIVE)
_VERSION = sa.select(records.c.version).where(*_HERE, _LIVE)
_insert = insert(records)
_INSERT = _insert.on_conflict_do_update(
    index_elements=[records.c.space, records.c.key],
    set_={
        "value": _insert.excluded.value,
        "version": sa.func.max(_insert.excluded.version, records.c.version + 1),
        "expires_at": _insert.excluded.expires_at,
    },
    where=records.c.expires_at <= _b("now"),
).returning(records.c.version)
_UPDATE = (
    sa.update(records)
    .where(*_HERE, _LIVE, records.c.version == _b("expected"))
    .values(value=_b("value"), version=_b("version"), expires_at=_b("expires_at"))
)
_DELETE = sa.delete(records).where(*_HERE)
_DELETE_VERSION = _DELETE.where(records.c.version == _b("expected"))
_FROM = (
    sa.select(records.c.key, records.c.value, records.c.version, records.c.expires_at)
    .where(records.c.space == _b("its_space"), records.c.key >= _b("start"), _LIVE)
    .order_by(records.c.key)
    .limit(_b("limit"))
)
_BETWEEN = _FROM.where(records.c.key < _b("stop"))
_rowid: sa.ColumnClause[int] = sa.literal_column("rowid")
_PURGE = sa.delete(records).where(
    _rowid.in_(
        sa.select(_rowid)
        .select_from(records)
        .where(records.c.expires_at <= _b("now"))
        .limit(_b("limit"))
    )
)


def purge(connection: sa.Connection) -> bool:
    """Delete some of what has expired; True if there may be more."""
    params = {"now": rules.micros(rules.now()), "limit": PURGE_ROWS}
    return connection.execute(_PURGE, params).rowcount == PURGE_ROWS


class SqliteRecords:
    """One space of a `SqliteCatalog`."""

    def __init__(self, threads: Threads, space: str) -> None:
        self._threads = threads
        self._space = space

    async def get(self, key: str) -> Record | None:
        """See `ports.catalog.Records.get`."""
        if not rules.storable(key):
            return None

        def work(connection: sa.Connection) -> Record | None:
            row = connection.execute(_GET, self._params(key)).one_or_none()
            return None if row is None else _record(key, *row)

        return await self._threads.readers.do(work)

    async def put(
        self,
        key: str,
        value: Mapping[str, Any],
        *,
        expected: int | None = None,
        expires_at: datetime | None = None,
    ) -> int:
        """See `ports.catalog.Records.put`."""
        rules.check_key(key)
        fields = {
            "value": rules.encode_value(value),
            "expires_at": None if expires_at is None else rules.micros(expires_at),
        }

        def work(connection: sa.Connection) -> int:
            params = self._params(key) | fields
            if expected is None:
                new = {"space": self._space, "key": key, "version": params["now"]}
                version = connection.execute(_INSERT, params | new).scalar()
            else:
                params |= {"version": expected + 1, "expected": expected}
                done = connection.execute(_UPDATE, params).rowcount
                version = expected + 1 if done else None
            return self._conflict(connection, key, expected) if version is None else version

        return await self._threads.writer.do(work)

    async def delete(self, key: str, *, expected: int | None = None) -> None:
        """See `ports.catalog.Records.delete`."""
        if not rules.storable(key):
            return

        def work(connection: sa.Connection) -> None:
            params = self._params(key)
            if expected is None:
                connection.execute(_DELETE, params)
                return
            done = connection.execute(_DELETE_VERSION, params | {"expected": expected}).rowcount
            if not done and connection.execute(_VERSION, params).scalar() is not None:
                self._conflict(connection, key, expected)

        await self._threads.writer.do(work)

    async def list(
        self,
        prefix: str = "",
        *,
        limit: int = 100,
        cursor: str | None = None,
        start_after: str = "",
    ) -> tuple[Sequence[Record], str | None]:
        """See `ports.catalog.Records.list`."""
        scan = Scan.of(self._space, prefix, limit=limit, cursor=cursor, start_after=start_after)
        if scan is None:
            return [], None
        bounds = {"start": scan.start, "stop": scan.stop, "limit": scan.wanted}

        def work(connection: sa.Connection) -> list[Record]:
            sql = _FROM if scan.stop is None else _BETWEEN
            return [_record(*row) for row in connection.execute(sql, self._params("") | bounds)]

        return scan.page(await self._threads.readers.do(work))

    def _params(self, key: str) -> dict[str, Any]:
        return {"its_space": self._space, "its_key": key, "now": rules.micros(rules.now())}

    def _conflict(self, connection: sa.Connection, key: str, expected: int | None) -> int:
        version = connection.execute(_VERSION, self._params(key)).scalar()
        raise conflict(self._space, key, version, expected)


def _record(key: str, value: str, version: int, expires_at: int | None) -> Record:
    expiry = None if expires_at is None else rules.moment(expires_at)
    return Record(key, json.loads(value), version, expiry)
