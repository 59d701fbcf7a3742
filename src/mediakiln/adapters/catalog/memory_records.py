"""The records spaces of the memory catalog."""

import bisect
import itertools
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mediakiln.adapters.catalog import rules
from mediakiln.adapters.catalog.scan import Scan, conflict
from mediakiln.ports.catalog import Record


@dataclass(frozen=True, slots=True)
class _Entry:
    text: str
    version: int
    expires_at: datetime | None


class MemoryRecords:
    """One space. Versions are never used twice, so a key made anew fools no old writer."""

    def __init__(self, space: str, turn: Callable[[], Awaitable[None]]) -> None:
        self._space = space
        self._turn = turn
        self._entries: dict[str, _Entry] = {}
        self._keys: list[str] = []
        self._versions = itertools.count(1)

    async def get(self, key: str) -> Record | None:
        """See `ports.catalog.Records.get`."""
        await self._turn()
        entry = self._live(key)
        return None if entry is None else _record(key, entry)

    async def put(
        self,
        key: str,
        value: Mapping[str, Any],
        *,
        expected: int | None = None,
        expires_at: datetime | None = None,
    ) -> int:
        """See `ports.catalog.Records.put`."""
        await self._turn()
        rules.check_key(key)
        text = rules.encode_value(value)
        if expires_at is not None:
            rules.micros(expires_at)
        self._check(key, expected)
        if key not in self._entries:
            bisect.insort(self._keys, key)
        entry = _Entry(text, next(self._versions), expires_at)
        self._entries[key] = entry
        return entry.version

    async def delete(self, key: str, *, expected: int | None = None) -> None:
        """See `ports.catalog.Records.delete`."""
        await self._turn()
        if self._live(key) is None:
            return
        if expected is not None:
            self._check(key, expected)
        self._forget(key)

    async def list(
        self,
        prefix: str = "",
        *,
        limit: int = 100,
        cursor: str | None = None,
        start_after: str = "",
    ) -> tuple[Sequence[Record], str | None]:
        """See `ports.catalog.Records.list`."""
        await self._turn()
        scan = Scan.of(self._space, prefix, limit=limit, cursor=cursor, start_after=start_after)
        if scan is None:
            return [], None
        found: list[Record] = []
        for key in self._keys[bisect.bisect_left(self._keys, scan.start) :]:
            if not key.startswith(prefix) or len(found) == scan.wanted:
                break
            entry = self._live(key, forget=False)
            if entry is not None:
                found.append(_record(key, entry))
        return scan.page(found)

    def _check(self, key: str, expected: int | None) -> None:
        entry = self._live(key)
        version = None if entry is None else entry.version
        if version != expected:
            raise conflict(self._space, key, version, expected)

    def _live(self, key: str, *, forget: bool = True) -> _Entry | None:
        entry = self._entries.get(key)
        if entry is None or entry.expires_at is None or entry.expires_at > rules.now():
            return entry
        if forget:
            self._forget(key)
        return None

    def _forget(self, key: str) -> None:
        del self._entries[key]
        del self._keys[bisect.bisect_left(self._keys, key)]


def _record(key: str, entry: _Entry) -> Record:
    return Record(key, json.loads(entry.text), entry.version, entry.expires_at)
