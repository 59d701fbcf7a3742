"""Records spaces in PostgreSQL.

A version is drawn at random by its writer. So no old holder's fits by chance after a key was
deleted and made anew, and after a lost connection the stored one tells whose write took effect.
"""

import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from mediakiln.adapters.catalog import rules
from mediakiln.adapters.catalog.postgres import statements
from mediakiln.adapters.catalog.postgres.connections import Connection, Connections
from mediakiln.adapters.catalog.postgres.purge import Purge
from mediakiln.adapters.catalog.scan import Scan, conflict
from mediakiln.model.errors import InvalidRequest
from mediakiln.ports.catalog import Record

_VERSIONS = 2**53
"""All numbers below it survive JavaScript."""


class PostgresRecords:
    """One space of a `PostgresCatalog`."""

    def __init__(self, connections: Connections, purge: Purge, space: str) -> None:
        if not rules.storable(space):
            raise InvalidRequest("a space's name is UTF-8 without NUL")
        self._connections = connections
        self._purge = purge
        self._space = space

    async def get(self, key: str) -> Record | None:
        """See `ports.catalog.Records.get`."""
        if not rules.storable(key):
            return None

        async def work(connection: Connection) -> Record | None:
            row = await connection.fetchrow(statements.RECORD_GET, *self._here(key), _now())
            return None if row is None else _record(row)

        return await self._connections.read(work)

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
        expiry = None if expires_at is None else rules.micros(expires_at)
        mine = 1 + secrets.randbelow(_VERSIONS - 1)
        fields: list[Any] = [mine, rules.encode_value(value), expiry]
        sql = statements.RECORD_INSERT
        if expected is not None:
            sql = statements.RECORD_UPDATE
            fields.append(expected)

        async def work(connection: Connection) -> int:
            if await connection.fetchval(sql, *self._here(key), _now(), *fields) is None:
                found = await self._version(connection, key)
                if found != mine:
                    raise conflict(self._space, key, found, expected)
            return mine

        version = await self._connections.write(work)
        self._purge.soon()
        return version

    async def delete(self, key: str, *, expected: int | None = None) -> None:
        """See `ports.catalog.Records.delete`."""
        if not rules.storable(key):
            return

        async def work(connection: Connection) -> None:
            here = self._here(key)
            if expected is None:
                await connection.execute(statements.RECORD_DELETE, *here)
                return
            sql = statements.RECORD_DELETE_VERSION
            if await connection.fetchval(sql, *here, expected) is None:
                found = await self._version(connection, key)
                if found is not None:
                    raise conflict(self._space, key, found, expected)

        await self._connections.write(work)

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
        # The least key above another is, in UTF-8 without NUL, that one and U+0001.
        start = f"{scan.after}\x01" if scan.after else prefix
        if not rules.storable(start):
            return [], None
        values: list[Any] = [self._space, start, _now(), scan.wanted]
        sql = statements.RECORD_LIST
        if scan.stop is not None:
            sql = statements.RECORD_LIST_UNTIL
            values.append(scan.stop)

        async def work(connection: Connection) -> Sequence[Record]:
            return [_record(row) for row in await connection.fetch(sql, *values)]

        return scan.page(await self._connections.read(work))

    def _here(self, key: str) -> tuple[str, str]:
        return self._space, key

    async def _version(self, connection: Connection, key: str) -> int | None:
        row = await connection.fetchrow(statements.RECORD_GET, *self._here(key), _now())
        return None if row is None else _record(row).version


def _now() -> int:
    return rules.micros(rules.now())


def _record(row: Any) -> Record:
    expiry = None if row["expires_at"] is None else rules.moment(row["expires_at"])
    return Record(row["key"], json.loads(row["value"]), row["version"], expiry)
