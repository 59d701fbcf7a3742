"""Which minutes, hours and months have rows, so that readers skip those that have none."""

from mediakiln.adapters.catalog.cassandra import times
from mediakiln.adapters.catalog.cassandra.link import Link

_NOTE = "INSERT INTO {ks}.buckets (name, bucket) VALUES (?, ?) USING TIMESTAMP ?"
_FILLED = "SELECT bucket FROM {ks}.buckets WHERE name = ? AND bucket <= ?"
_DROP = "DELETE FROM {ks}.buckets USING TIMESTAMP ? WHERE name = ? AND bucket = ?"

_FRESH = 30 * 1_000_000
"""How long a note serves further rows of its bucket, in microseconds."""
_KEPT = 4096
MAX_BUCKET = 2**62


class Buckets:
    """Names with their buckets; a bucket is noted whenever a row is put into it.

    Whoever finds a bucket empty drops the notes that are older than any row under way. A note
    serves rows for half a minute, so a row is never in a bucket without one.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._noted: dict[tuple[str, int], int] = {}

    async def note(self, name: str, bucket: int) -> None:
        """Say that the bucket has rows."""
        now = times.now()
        if now - self._noted.get((name, bucket), 0) < _FRESH:
            return
        await self._link.run(_NOTE, name, bucket, now)
        if len(self._noted) >= _KEPT:
            self._noted.clear()
        self._noted[name, bucket] = now

    async def filled(self, name: str, upto: int = MAX_BUCKET) -> list[int]:
        """The buckets that may have rows, ascending."""
        return [row["bucket"] for row in await self._link.run(_FILLED, name, upto)]

    async def drop(self, name: str, bucket: int, seen_at: int) -> None:
        """Forget a bucket that was found empty by a reading that began at `seen_at`."""
        await self._link.run(_DROP, seen_at - times.SETTLED_AFTER, name, bucket)
