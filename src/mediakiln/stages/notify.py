"""Notify: tell every configured target that a run ended, once each, and keep a log of it."""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from mediakiln.model.clock import Clock, utc_now
from mediakiln.model.errors import MediakilnError, VersionConflict
from mediakiln.model.messages import Completed, Message
from mediakiln.ports.catalog import Catalog, Records
from mediakiln.ports.notifier import Notification, Notifier
from mediakiln.telemetry import metrics

log = logging.getLogger(__name__)

SPACE = "deliveries"
KEEP = timedelta(days=30)
MAX_ENTRIES = 20


class Notify:
    """Handles `completed`. The delivery log's keys are `{asset}/{message}/{target's digest}`."""

    def __init__(
        self, catalog: Catalog, notifiers: Sequence[Notifier], *, clock: Clock = utc_now
    ) -> None:
        self._log: Records = catalog.records(SPACE)
        self._notifiers = notifiers
        self._clock = clock

    async def __call__(self, message: Message) -> None:
        """Send to every target that has not had it yet.

        Raises:
            MediakilnError: some target may take it later; those that took it are not asked again.
        """
        event = Completed.of(message)
        _count(event)
        failures: list[MediakilnError] = []
        for notifier in self._notifiers:
            try:
                await self._deliver(notifier, message.id, event)
            except MediakilnError as error:
                failures.append(error)
        if failures:
            raise failures[0]

    async def _deliver(self, notifier: Notifier, id: str, event: Completed) -> None:
        digest = hashlib.sha256(notifier.target.encode()).hexdigest()[:16]
        key = f"{event.asset}/{id}/{digest}"
        known = await self._log.get(key)
        entry: Mapping[str, Any] = known.value if known else {"attempts": []}
        if entry.get("state") in {"delivered", "refused"}:
            return
        version = known.version if known else None
        notification = Notification(
            id=id,
            type=f"asset.{event.state}",
            at=self._clock(),
            data=event.model_dump(mode="json", exclude_none=True),
        )
        attempt: dict[str, Any] = {"at": self._clock().isoformat()}
        try:
            receipt = await notifier.send(notification)
        except MediakilnError as error:
            attempt |= {"error": error.message[:500], "code": error.code}
            state = "retrying" if error.retryable else "refused"
            await self._write(key, version, entry, state, attempt, notifier.target)
            if error.retryable:
                raise
            return
        attempt |= {"status": receipt.status, "seconds": round(receipt.seconds, 3)}
        await self._write(key, version, entry, "delivered", attempt, notifier.target)

    async def _write(
        self,
        key: str,
        version: int | None,
        entry: Mapping[str, Any],
        state: str,
        attempt: Mapping[str, Any],
        target: str,
    ) -> None:
        value = {
            "target": target,
            "state": state,
            "attempts": [*entry["attempts"], dict(attempt)][-MAX_ENTRIES:],
        }
        try:
            await self._log.put(key, value, expected=version, expires_at=self._clock() + KEEP)
        except VersionConflict:
            log.info("another consumer logged this delivery", extra={"key": key})


def _count(event: Completed) -> None:
    kind = str(event.kind or "unknown")
    metrics.COMPLETED.labels(kind, event.state.value).inc()
    if event.turnaround_s is not None:
        metrics.TURNAROUND_SECONDS.labels(kind).observe(event.turnaround_s)
