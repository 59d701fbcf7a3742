"""The webhooks that projects have added: their records, and an open notifier for each."""

import base64
import secrets
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final

from mediakiln.model.clock import Clock, utc_now
from mediakiln.model.errors import (
    EngineMisconfigured,
    InvalidRequest,
    LimitExceeded,
    MediakilnError,
    NotFound,
    VersionConflict,
)
from mediakiln.model.ids import is_id, new_id
from mediakiln.ports.catalog import Catalog
from mediakiln.ports.notifier import Notifier
from mediakiln.stages.notify.hook import EVENTS, Hook

SPACE: Final = "webhooks"
MAX_HOOKS: Final = 20
"""Of one project: each is a delivery for each of its runs."""
_SECRET_BYTES: Final = 32
_MOST_OPEN: Final = 256
_TRIES: Final = 8
_GONE: Final = 410

OpenHook = Callable[[str, str], Notifier]
"""Opens a notifier for a URL and a secret."""


class Hooks:
    """Reads and writes the webhooks. Keys are `{project}/{id}`."""

    def __init__(
        self,
        catalog: Catalog,
        open_hook: OpenHook,
        *,
        failing: timedelta,
        clock: Clock = utc_now,
    ) -> None:
        self._records = catalog.records(SPACE)
        self._open_hook = open_hook
        self._failing = failing
        self._clock = clock
        self._notifiers: OrderedDict[str, Notifier] = OrderedDict()

    async def add(self, project: str, url: str, events: Sequence[str], *, by: str) -> Hook:
        """Add a webhook with a secret of its own.

        Raises:
            InvalidRequest: the URL is none to post to, or an event is not known.
            LimitExceeded: the project has `MAX_HOOKS` of them.
        """
        for event in events:
            if event not in EVENTS:
                raise InvalidRequest(
                    f"there is no event {event[:80]!r}", field="events", allowed=list(EVENTS)
                )
        if len(await self.list(project)) >= MAX_HOOKS:
            raise LimitExceeded(f"a project has at most {MAX_HOOKS} webhooks", limit=MAX_HOOKS)
        key = base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
        hook = Hook(
            id=new_id(),
            project=project,
            url=url,
            secret=f"whsec_{key}",
            events=tuple(dict.fromkeys(events)),
            by=by,
            created_at=self._clock(),
        )
        try:
            await self._open_hook(hook.url, hook.secret).close()
        except EngineMisconfigured as error:
            raise InvalidRequest(str(error), field="url", **error.context) from None
        await self._records.put(_key(project, hook.id), hook.model_dump(mode="json"))
        return hook

    async def list(self, project: str) -> Sequence[Hook]:
        """A project's webhooks, the oldest first."""
        records, _ = await self._records.list(f"{project}/", limit=MAX_HOOKS)
        return [Hook.model_validate(record.value) for record in records]

    async def get(self, project: str, id: str) -> Hook:
        """One webhook.

        Raises:
            NotFound: the project has none of that id.
        """
        record = await self._records.get(_key(project, id)) if is_id(id) else None
        if record is None:
            raise NotFound(f"there is no webhook {id[:64]!r}")
        return Hook.model_validate(record.value)

    async def remove(self, project: str, id: str) -> None:
        """Forget a webhook.

        Raises:
            NotFound: as `get`.
        """
        await self.get(project, id)
        await self._records.delete(_key(project, id))
        await self._forget(id)

    async def enable(self, project: str, id: str) -> Hook:
        """Turn a webhook on again.

        Raises:
            NotFound: as `get`.
        """
        return await self._change(
            project,
            id,
            lambda _: {"enabled": True, "disabled": None, "failing_since": None},
        )

    async def wanting(self, project: str, type: str) -> Sequence[Hook]:
        """The webhooks that are told of news of a type.

        They are read anew each time: whoever has added one by another process, and been told so,
        is told of the very next run.
        """
        return [hook for hook in await self.list(project) if hook.wants(type)]

    async def notifier(self, hook: Hook) -> Notifier:
        """An open notifier for a webhook; it stays open while it is in use.

        Raises:
            EngineMisconfigured: the settings do not allow its URL any more.
        """
        found = self._notifiers.get(hook.id)
        if found is None:
            found = self._notifiers[hook.id] = self._open_hook(hook.url, hook.secret)
        self._notifiers.move_to_end(hook.id)
        while len(self._notifiers) > _MOST_OPEN:
            _, oldest = self._notifiers.popitem(last=False)
            await oldest.close()
        return found

    async def worked(self, hook: Hook) -> None:
        """Note that a delivery came through."""
        if hook.failing_since is not None:
            await self._noted(hook, {"failing_since": None})

    async def failed(self, hook: Hook, error: MediakilnError) -> None:
        """Note a failure; one that says "gone", or that ends too long a row, turns it off."""
        now = self._clock()
        since = hook.failing_since or now
        if error.context.get("status") == _GONE:
            why = "its receiver said that it is gone (410)"
        elif now - since > self._failing:
            why = f"it has failed since {since.isoformat(timespec='seconds')}: {error.message}"
        else:
            if hook.failing_since is None:
                await self._noted(hook, {"failing_since": now})
            return
        await self._noted(hook, {"enabled": False, "disabled": why[:500], "failing_since": since})

    async def turn_off(self, hook: Hook, why: str) -> None:
        """Tell it nothing more until somebody turns it on."""
        await self._noted(hook, {"enabled": False, "disabled": why[:500]})

    async def close(self) -> None:
        """Let go of every notifier."""
        for notifier in self._notifiers.values():
            await notifier.close()
        self._notifiers.clear()

    async def _noted(self, hook: Hook, update: dict[str, object]) -> None:
        try:
            await self._change(hook.project, hook.id, lambda _: update)
        except NotFound:
            await self._forget(hook.id)

    async def _change(
        self, project: str, id: str, update: Callable[[Hook], dict[str, object]]
    ) -> Hook:
        for _ in range(_TRIES):
            record = await self._records.get(_key(project, id)) if is_id(id) else None
            if record is None:
                raise NotFound(f"there is no webhook {id[:64]!r}")
            hook = Hook.model_validate(record.value)
            changed = hook.model_copy(update=update(hook))
            try:
                await self._records.put(
                    _key(project, id), changed.model_dump(mode="json"), expected=record.version
                )
            except VersionConflict:
                continue
            return changed
        raise VersionConflict(webhook=id)

    async def _forget(self, id: str) -> None:
        if (notifier := self._notifiers.pop(id, None)) is not None:
            await notifier.close()


def _key(project: str, id: str) -> str:
    return f"{project}/{id}"
