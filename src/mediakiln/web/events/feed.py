"""What happens to a project's assets, for all who listen: one poller per project and process.

The catalog keeps states and no history, so this tells states: an asset's at every change that is
seen, and, to whoever comes back, of all that changed meanwhile as it is now.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from mediakiln.model.asset import Asset
from mediakiln.model.errors import MediakilnError, Overloaded
from mediakiln.model.kind import AssetState
from mediakiln.ports.catalog import Catalog
from mediakiln.web.events.told import Told, Wanted, told_of

log = logging.getLogger(__name__)

MAX_LISTENERS: Final = 1000
"""Of one process."""
MAX_PENDING: Final = 5000
"""Assets that a slow listener may be behind before it must come again."""

_PAGE: Final = 200
_PAGES: Final = 10
"""Pages of a list read in one look: 2,000 new assets a look."""
_REMEMBERED: Final = 20_000
_OVERLAP: Final = timedelta(seconds=5)
"""Writers' clocks differ, and lists lag: who comes back hears a little twice."""
_UNSETTLED: Final = (AssetState.RECEIVED, AssetState.PROCESSING, AssetState.DELETING)

Seen = tuple[int, AssetState]


class Feeds:
    """Opens a feed per project while somebody listens to it; `ended` says that all must end."""

    def __init__(
        self, catalog: Catalog, *, ended: Callable[[], bool], every_s: float = 1.0
    ) -> None:
        self._catalog = catalog
        self._ended = ended
        self._every_s = every_s
        self._feeds: dict[str, _Feed] = {}

    @property
    def listeners(self) -> int:
        """How many listen now."""
        return sum(len(feed.listeners) for feed in self._feeds.values())

    async def listen(
        self, project: str, wanted: Wanted, *, since: datetime | None, quiet_s: float
    ) -> AsyncGenerator[Told | None, None]:
        """Each change that is of interest; None at first, and after `quiet_s` seconds without one.

        With `since`, first what changed after it. Ends when the service stops, and for a
        listener that is too far behind.

        Raises:
            Overloaded: this process has `MAX_LISTENERS` already.
        """
        if self.listeners >= MAX_LISTENERS:
            raise Overloaded(
                "this server has too many listeners", limit=MAX_LISTENERS, retry_after=30
            )
        feed = self._feeds.get(project)
        if feed is None:
            feed = self._feeds[project] = _Feed(self._catalog, project)
        listener = _Listener(wanted)
        feed.listeners.add(listener)
        try:
            await feed.begin()
            for asset in await feed.missed(wanted, since):
                listener.offer(asset, told_of(asset))
            if feed.poller is None:
                feed.poller = asyncio.create_task(self._poll(project, feed))
            yield None
            while not listener.ended:
                for told in listener.take():
                    yield told
                if not await listener.rings(quiet_s) and not listener.ended:
                    yield None
        finally:
            feed.listeners.discard(listener)

    async def _poll(self, project: str, feed: "_Feed") -> None:
        """Look while somebody listens; the feed is forgotten with its last listener."""
        try:
            while feed.listeners and not self._ended():
                await asyncio.sleep(self._every_s)
                try:
                    await feed.look()
                except MediakilnError as error:
                    log.warning("a feed could not be read, trying again: %s", error)
        finally:
            self._feeds.pop(project, None)
            for listener in feed.listeners:
                listener.end()


class _Listener:
    """One connection: what it has not been sent yet, of each asset the latest."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.ended = False
        self._pending: dict[str, Told] = {}
        self._bell = asyncio.Event()

    def offer(self, asset: Asset, told: Told) -> None:
        if not self.wanted.takes(asset):
            return
        self._pending.pop(asset.id, None)
        self._pending[asset.id] = told
        if len(self._pending) > MAX_PENDING:
            self.end()
        self._bell.set()

    def end(self) -> None:
        self.ended = True
        self._bell.set()

    def take(self) -> Iterable[Told]:
        pending, self._pending = self._pending, {}
        return pending.values()

    async def rings(self, within_s: float) -> bool:
        try:
            async with asyncio.timeout(within_s):
                await self._bell.wait()
        except TimeoutError:
            return False
        self._bell.clear()
        return True


@dataclass(eq=False)
class _Feed:
    """One project: what was seen of its assets, and who listens."""

    catalog: Catalog
    project: str
    listeners: set[_Listener] = field(default_factory=set)
    poller: asyncio.Task[None] | None = None
    _seen: OrderedDict[str, Seen] = field(default_factory=OrderedDict)
    _open: set[str] = field(default_factory=set)
    _begun: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Learn how everything stands, once; what changes after that is news."""
        if self._begun is None:
            self._begun = asyncio.create_task(self._learn())
        await asyncio.shield(self._begun)

    async def look(self) -> None:
        """Read what may have changed, and tell."""
        found = await self._current()
        gone = (self._open | self._named()) - found.keys()
        found |= await self._many(gone)
        for asset in sorted(found.values(), key=lambda each: each.updated_at):
            if self._is_news(asset):
                told = told_of(asset)
                for listener in self.listeners:
                    listener.offer(asset, told)

    async def missed(self, wanted: Wanted, since: datetime | None) -> list[Asset]:
        """What a listener is told first: named assets as they are, and what it has missed."""
        if wanted.assets:
            found = await self._many(wanted.assets)
        elif since is not None:
            found = await self._current(back_to=since - _OVERLAP)
        else:
            return []
        after = datetime.min.replace(tzinfo=UTC) if since is None else since - _OVERLAP
        return sorted(
            (asset for asset in found.values() if asset.updated_at > after),
            key=lambda asset: asset.updated_at,
        )

    async def _learn(self) -> None:
        for asset in (await self._current()).values():
            self._is_news(asset)

    async def _current(self, *, back_to: datetime | None = None) -> dict[str, Asset]:
        """The newest assets, down to those that are known, and every one that is not settled.

        With `back_to`, down to those created before it.
        """
        found: dict[str, Asset] = {}
        async for page in self._pages(None):
            found |= page
            oldest = min(page.values(), key=lambda asset: asset.created_at)
            if oldest.created_at < back_to if back_to else oldest.id in self._seen:
                break
            if not self._seen and back_to is None:
                break
        for state in _UNSETTLED:
            async for page in self._pages(state):
                found |= page
                if state is AssetState.DELETING:
                    break
        return found

    async def _pages(self, state: AssetState | None) -> AsyncGenerator[dict[str, Asset], None]:
        cursor: str | None = None
        for _ in range(_PAGES):
            page = await self.catalog.list(self.project, state=state, limit=_PAGE, cursor=cursor)
            if page.assets:
                yield {asset.id: asset for asset in page.assets}
            cursor = page.cursor
            if cursor is None:
                return

    async def _many(self, ids: Collection[str]) -> dict[str, Asset]:
        wanted = list(ids)[: _PAGE * _PAGES]
        found: dict[str, Asset] = {}
        for start in range(0, len(wanted), _PAGE):
            found |= await self.catalog.get_many(wanted[start : start + _PAGE])
        return {id: asset for id, asset in found.items() if asset.project == self.project}

    def _named(self) -> set[str]:
        return {id for listener in self.listeners for id in listener.wanted.assets}

    def _is_news(self, asset: Asset) -> bool:
        now = (asset.run, asset.state)
        before = self._seen.get(asset.id)
        if asset.state in {AssetState.RECEIVED, AssetState.PROCESSING}:
            self._open.add(asset.id)
        else:
            self._open.discard(asset.id)
        if before is not None and (before == now or before[0] > asset.run):
            return False
        self._seen[asset.id] = now
        self._seen.move_to_end(asset.id)
        while len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return True
