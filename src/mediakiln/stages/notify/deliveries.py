"""The log of deliveries: each attempt to tell one target of one piece of news, and what came of it.

Keys are `{asset}/{message}/{target}`, the target being a webhook's id or, of those in the
settings, the digest of its name.
"""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from mediakiln.model.clock import Clock, utc_now
from mediakiln.model.errors import (
    Conflict,
    EngineMisconfigured,
    MediakilnError,
    NotFound,
    VersionConflict,
)
from mediakiln.model.ids import new_id
from mediakiln.ports.catalog import Catalog, Record, Records
from mediakiln.ports.notifier import Notification, Notifier
from mediakiln.stages.notify.hook import Hook
from mediakiln.stages.notify.hooks import Hooks

log = logging.getLogger(__name__)

SPACE: Final = "deliveries"
KEEP: Final = timedelta(days=30)
MAX_ENTRIES: Final = 20
_SETTLED = frozenset({"delivered", "refused"})


@dataclass(frozen=True, slots=True)
class Target:
    """Whom to tell: one of the settings' targets, or a project's webhook."""

    name: str
    notifier: Notifier
    hook: Hook | None = None

    @classmethod
    def of(cls, notifier: Notifier) -> "Target":
        """A target of the settings."""
        return cls(hashlib.sha256(notifier.target.encode()).hexdigest()[:16], notifier)


class Deliveries:
    """Sends news to targets and keeps the log of it."""

    def __init__(
        self,
        catalog: Catalog,
        notifiers: Sequence[Notifier],
        hooks: Hooks,
        *,
        clock: Clock = utc_now,
    ) -> None:
        self._log: Records = catalog.records(SPACE)
        self._own = [Target.of(notifier) for notifier in notifiers]
        self.hooks = hooks
        self._clock = clock

    async def targets(self, project: str, type: str) -> Sequence[Target]:
        """Whom a project's news of a type go to."""
        found = list(self._own)
        for hook in await self.hooks.wanting(project, type):
            try:
                found.append(Target(hook.id, await self.hooks.notifier(hook), hook))
            except EngineMisconfigured as error:  # allowed by settings that were changed
                await self.hooks.turn_off(hook, error.message)
        return found

    async def deliver(self, target: Target, asset: str, news: Notification) -> None:
        """Send to a target, unless it has had it.

        Raises:
            MediakilnError: the target may take it later.
        """
        key = f"{asset}/{news.id}/{target.name}"
        known = await self._log.get(key)
        if known is not None and known.value.get("state") in _SETTLED:
            return
        error, _ = await self._attempt(target, key, known, news)
        if error is not None and error.retryable:
            raise error

    async def resend(self, project: str, asset: str, delivery: str) -> dict[str, Any]:
        """Send what a delivery held once more, with the same id; the log's entry as it is then.

        Raises:
            NotFound: there is no such delivery.
            Conflict: its target is there no more, or its news were not kept.
        """
        message, _, name = delivery.partition(".")
        key = f"{asset}/{message}/{name}"
        known = await self._log.get(key) if name and "/" not in delivery else None
        if known is None:
            raise NotFound(f"there is no delivery {delivery[:120]!r}")
        target = await self._target(project, name)
        if "data" not in known.value:
            raise Conflict("the log of this delivery does not hold what was sent")
        news = Notification(
            id=message, type=known.value["type"], at=self._clock(), data=known.value["data"]
        )
        _, entry = await self._attempt(target, key, known, news)
        return shown(key, entry)

    async def test(self, project: str, id: str) -> dict[str, Any]:
        """Send a webhook news of the type `webhook.test`; what came of it.

        Raises:
            NotFound: there is no such webhook.
        """
        hook = await self.hooks.get(project, id)
        news = Notification(
            id=new_id(), type="webhook.test", at=self._clock(), data={"project": project}
        )
        try:
            receipt = await (await self.hooks.notifier(hook)).send(news)
        except MediakilnError as error:
            return {"delivered": False, "code": error.code, "error": error.message[:500]} | {
                name: error.context[name] for name in ("status", "answer") if name in error.context
            }
        return {"delivered": True, "status": receipt.status, "seconds": round(receipt.seconds, 3)}

    async def of(
        self, asset: str, *, limit: int, cursor: str | None
    ) -> tuple[list[dict[str, Any]], str | None]:
        """An asset's deliveries in key order, and the next page's cursor."""
        records, following = await self._log.list(f"{asset}/", limit=limit, cursor=cursor)
        return [shown(record.key, record.value) for record in records], following

    async def close(self) -> None:
        """Let go of every connection."""
        await self.hooks.close()
        for target in self._own:
            await target.notifier.close()

    async def _target(self, project: str, name: str) -> Target:
        for target in self._own:
            if target.name == name:
                return target
        try:
            hook = await self.hooks.get(project, name)
        except NotFound:
            raise Conflict(
                "the target of this delivery is not configured any more", target=name[:64]
            ) from None
        try:
            return Target(hook.id, await self.hooks.notifier(hook), hook)
        except EngineMisconfigured as error:
            raise Conflict(
                error.message, target=name[:64], hint=error.context.get("hint")
            ) from None

    async def _attempt(
        self, target: Target, key: str, known: Record | None, news: Notification
    ) -> tuple[MediakilnError | None, Mapping[str, Any]]:
        """Send once and write it down; the error, if any, and the entry."""
        attempt: dict[str, Any] = {"at": self._clock().isoformat()}
        failure: MediakilnError | None = None
        try:
            receipt = await target.notifier.send(news)
        except MediakilnError as error:
            failure, state = error, "retrying" if error.retryable else "refused"
            attempt |= {"error": error.message[:500], "code": error.code}
            if "status" in error.context:
                attempt["status"] = error.context["status"]
        else:
            state = "delivered"
            attempt |= {"status": receipt.status, "seconds": round(receipt.seconds, 3)}
        before = known.value["attempts"] if known is not None else []
        entry = {
            "target": target.notifier.target,
            "state": state,
            "type": news.type,
            "data": dict(news.data),
            "attempts": [*before, attempt][-MAX_ENTRIES:],
        }
        await self._write(key, known, entry)
        if target.hook is not None:
            if failure is None:
                await self.hooks.worked(target.hook)
            else:
                await self.hooks.failed(target.hook, failure)
        return failure, entry

    async def _write(self, key: str, known: Record | None, entry: Mapping[str, Any]) -> None:
        expected = known.version if known is not None else None
        try:
            await self._log.put(key, entry, expected=expected, expires_at=self._clock() + KEEP)
        except VersionConflict:
            log.info("another consumer logged this delivery", extra={"key": key})


def shown(key: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """An entry of the log as clients see it."""
    _, message, target = key.split("/", 2)
    seen = {name: value for name, value in entry.items() if name != "data"}
    return {"id": f"{message}.{target}", **seen}
