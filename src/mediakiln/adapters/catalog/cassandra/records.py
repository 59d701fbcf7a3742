"""Records spaces: sixteen partitions to a space, merged in key order.

A new key's version is the time in microseconds, so that a key deleted and made anew never
comes back to a version that an old writer still holds. Rows are written by UPDATE only: an
INSERT's row marker would outlive columns that expire.
"""

import asyncio
import json
import math
import uuid
import zlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from mediakiln.adapters.catalog import rules
from mediakiln.adapters.catalog.cassandra import times
from mediakiln.adapters.catalog.cassandra.link import Link, Row
from mediakiln.adapters.catalog.scan import Scan, conflict
from mediakiln.model.errors import VersionConflict
from mediakiln.ports.catalog import Record

SLOTS = 16
"""Into how many partitions a space is divided; part of the stored rows."""

_GET = (
    "SELECT key, value, version, expires_at, writer FROM {ks}.records "
    "WHERE space = ? AND slot = ? AND key "
)
_GET_ONE = f"{_GET}= ?"
_GET_FROM = f"{_GET}>= ? LIMIT ?"
_GET_BETWEEN = f"{_GET}>= ? AND key < ? LIMIT ?"
_SET = (
    "UPDATE {ks}.records USING TTL ? SET value = ?, version = ?, expires_at = ?, writer = ? "
    "WHERE space = ? AND slot = ? AND key = ? IF version = "
)
_PUT_FIRST = f"{_SET}null"
_PUT_AGAIN = f"{_SET}?"
_PUT = f"{_PUT_AGAIN} AND expires_at > ?"
_DELETE = "DELETE FROM {ks}.records WHERE space = ? AND slot = ? AND key = ? IF version "
_DELETE_ANY = f"{_DELETE}> 0"
_DELETE_VERSION = f"{_DELETE}= ?"

# So that one condition serves records that expire and those that do not.
_NEVER = 2**63 - 1
# Cassandra keeps times of expiry as seconds in 32 bits; what expires later is filtered only.
_TTL_ENDS = datetime(2038, 1, 1, tzinfo=UTC)


class CassandraRecords:
    """One space of a `CassandraCatalog`."""

    def __init__(self, link: Link, space: str) -> None:
        self._link = link
        self._space = space

    async def get(self, key: str) -> Record | None:
        """See `ports.catalog.Records.get`."""
        if not key or not rules.storable(key) or len(key.encode()) > rules.MAX_KEY_BYTES:
            return None
        row = await self._row(key)
        return _record(row) if row is not None and _live(row) else None

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
        text = rules.encode_value(value)
        expiry = _NEVER if expires_at is None else rules.micros(expires_at)
        writer = uuid.uuid4()
        row = None
        while True:
            version = times.now()
            condition: tuple[str, tuple[int, ...]] = (_PUT_FIRST, ())
            if expected is not None:
                version = expected + 1
                condition = (_PUT, (expected, times.now()))
            elif row is not None:  # expired, and not yet gone
                version = max(version, row["version"] + 1)
                condition = (_PUT_AGAIN, (row["version"],))
            fields = (_ttl(expires_at), text, version, expiry, writer, *self._place(key))
            if await self._link.transact((condition[0], (*fields, *condition[1]))):
                return version
            row = await self._row(key)
            if row is not None and row["writer"] == writer:
                return int(row["version"])
            if expected is not None or (row is not None and _live(row)):
                raise self._conflict(key, row, expected)

    async def delete(self, key: str, *, expected: int | None = None) -> None:
        """See `ports.catalog.Records.delete`."""
        if not key or not rules.storable(key):
            return
        if expected is None:
            await self._link.transact((_DELETE_ANY, self._place(key)))
        elif not await self._link.transact((_DELETE_VERSION, (*self._place(key), expected))):
            row = await self._row(key)
            if row is not None and _live(row):
                raise self._conflict(key, row, expected)

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
        slots = await asyncio.gather(*(self._slot(slot, scan) for slot in range(SLOTS)))
        return scan.page(
            sorted((record for slot in slots for record in slot), key=lambda each: each.key)
        )

    async def _slot(self, slot: int, scan: Scan) -> Sequence[Record]:
        """The first live records of one partition."""
        found: list[Record] = []
        start, stop, size = scan.start, scan.stop, scan.wanted
        while True:
            if stop is None:
                rows = await self._link.run(_GET_FROM, self._space, slot, start, size)
            else:
                rows = await self._link.run(_GET_BETWEEN, self._space, slot, start, stop, size)
            found += (_record(row) for row in rows if _live(row))
            if len(found) >= size or len(rows) < size:
                return found
            start = f"{rows[-1]['key']}\0"

    def _place(self, key: str) -> tuple[str, int, str]:
        return self._space, zlib.crc32(key.encode()) % SLOTS, key

    async def _row(self, key: str) -> Row | None:
        rows = await self._link.run(_GET_ONE, *self._place(key), serial=True)
        return rows[0] if rows and rows[0]["version"] is not None else None

    def _conflict(self, key: str, row: Row | None, expected: int | None) -> VersionConflict:
        version = row["version"] if row is not None and _live(row) else None
        return conflict(self._space, key, version, expected)


def _ttl(expires_at: datetime | None) -> int:
    """Whole seconds, rounded up; 0 for ever."""
    if expires_at is None or expires_at >= _TTL_ENDS:
        return 0
    return max(1, math.ceil((expires_at - rules.now()).total_seconds()))


def _live(row: Row) -> bool:
    return bool(row["expires_at"] > times.now())


def _record(row: Row) -> Record:
    expiry = None if row["expires_at"] == _NEVER else rules.moment(row["expires_at"])
    return Record(row["key"], json.loads(row["value"]), row["version"], expiry)
