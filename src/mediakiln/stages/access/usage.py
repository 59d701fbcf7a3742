"""What keys have put in today, held against their quotas. Days are of UTC.

A file counts when its record is made, under the key that it came by, and only keys with a quota
are counted. What begins while there is something left may end above the quota, so it is
exceeded by at most the uploads in progress.
"""

import asyncio
import logging
import random
from datetime import datetime, timedelta
from typing import Final

from mediakiln.model.access import Principal, Quota
from mediakiln.model.clock import Clock, utc_now
from mediakiln.model.errors import MediakilnError, QuotaExceeded, VersionConflict
from mediakiln.ports.catalog import Catalog, Record

log = logging.getLogger(__name__)

SPACE: Final = "usage"
_KEPT: Final = timedelta(days=40)
_TRIES: Final = 50
_PAUSE_S: Final = 0.005


class Usage:
    """Counts, and refuses."""

    def __init__(self, catalog: Catalog, *, clock: Clock = utc_now) -> None:
        self._records = catalog.records(SPACE)
        self._clock = clock

    async def check(self, principal: Principal, size: int = 0) -> None:
        """Whether another file, of `size` bytes as far as they are announced, may come.

        Raises:
            QuotaExceeded: it may not; `retry_after` are the seconds to midnight.
        """
        if principal.quota is not None:
            await self.hold(principal.account, principal.quota, size)

    async def hold(self, account: str, quota: Quota, size: int = 0) -> None:
        """As `check`, for an account that may put in so much a day.

        Raises:
            QuotaExceeded: as `check`.
        """
        files, used = await self.used(account)
        if quota.files is not None and files >= quota.files:
            raise self._exceeded("files", quota.files, files)
        if quota.bytes is not None and (used >= quota.bytes or used + size > quota.bytes):
            raise self._exceeded("bytes", quota.bytes, used + size)

    async def used(self, account: str) -> tuple[int, int]:
        """Files and bytes of today."""
        return _counts(await self._records.get(self._place(account)))

    async def add(self, account: str, size: int) -> None:
        """Count a file. One that cannot be counted is taken nevertheless."""
        try:
            await self._add(account, size)
        except MediakilnError as error:
            log.warning("a file is not counted: %s", error, extra={"key": account})

    async def _add(self, account: str, size: int) -> None:
        place = self._place(account)
        for attempt in range(_TRIES):
            found = await self._records.get(place)
            files, used = _counts(found)
            try:
                await self._records.put(
                    place,
                    {"files": files + 1, "bytes": used + size},
                    expected=None if found is None else found.version,
                    expires_at=self._clock() + _KEPT,
                )
            except VersionConflict:
                await asyncio.sleep(random.random() * _PAUSE_S * attempt)  # noqa: S311 - jitter
            else:
                return
        raise VersionConflict(key=account)

    def _exceeded(self, what: str, limit: int, value: int) -> QuotaExceeded:
        now = self._clock()
        midnight = datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), now.tzinfo)
        return QuotaExceeded(
            f"this key may put in {limit} {what} a day",
            limit=limit,
            value=value,
            retry_after=max(1, int((midnight - now).total_seconds())),
        )

    def _place(self, account: str) -> str:
        return f"{account}/{self._clock().date().isoformat()}"


def _counts(record: Record | None) -> tuple[int, int]:
    return (0, 0) if record is None else (record.value["files"], record.value["bytes"])
