"""Live views of assets: one poller for everybody who watches, and none when nobody does."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

from mediakiln.model.asset import Asset
from mediakiln.model.errors import MediakilnError
from mediakiln.model.kind import AssetState
from mediakiln.ports.catalog import Catalog

log = logging.getLogger(__name__)

_BATCH = 200


class Live:
    """Reads the watched records every `every_s` seconds and wakes whom it concerns."""

    def __init__(self, catalog: Catalog, *, every_s: float = 0.2) -> None:
        self._catalog = catalog
        self._every_s = every_s
        self._watches: dict[str, set[_Watch]] = {}
        self._poller: asyncio.Task[None] | None = None
        self._closed = False

    async def changes(self, asset: Asset, *, quiet_s: float) -> AsyncGenerator[Asset | None, None]:
        """The asset, then each later version that is seen, up to the end of its run.

        None comes after `quiet_s` seconds without news. Ends early when the service stops.
        """
        yield asset
        watch = _Watch(asset)
        self._add(watch)
        try:
            while not (_settled(watch.seen) or self._closed):
                news = await watch.news(quiet_s)
                if news is not None or not self._closed:
                    yield news
        finally:
            self._remove(watch)

    async def settled(self, asset: Asset, *, within_s: float) -> Asset:
        """The asset once its run ended, or as it is after `within_s` seconds."""
        latest = asset
        try:
            async with (
                asyncio.timeout(within_s),
                aclosing(self.changes(asset, quiet_s=within_s)) as changes,
            ):
                async for news in changes:
                    latest = news or latest
        except TimeoutError:
            pass
        return latest

    @property
    def watched(self) -> int:
        """How many assets are watched now."""
        return len(self._watches)

    def is_closed(self) -> bool:
        """Whether the service stops."""
        return self._closed

    def close(self) -> None:
        """End every watch, so that the server can stop."""
        self._closed = True
        for watches in self._watches.values():
            for watch in watches:
                watch.wake()

    def _add(self, watch: "_Watch") -> None:
        self._watches.setdefault(watch.seen.id, set()).add(watch)
        if self._poller is None or self._poller.done():
            self._poller = asyncio.create_task(self._poll())

    def _remove(self, watch: "_Watch") -> None:
        watches = self._watches.get(watch.seen.id, set())
        watches.discard(watch)
        if not watches:
            self._watches.pop(watch.seen.id, None)

    async def _poll(self) -> None:
        while self._watches:
            await asyncio.sleep(self._every_s)
            ids = list(self._watches)
            for start in range(0, len(ids), _BATCH):
                try:
                    self._tell(await self._catalog.get_many(ids[start : start + _BATCH]))
                except MediakilnError as error:
                    log.warning("watched records could not be read, trying again: %s", error)

    def _tell(self, found: Mapping[str, Asset]) -> None:
        for id, asset in found.items():
            for watch in self._watches.get(id, ()):
                watch.offer(asset)


class _Watch:
    """One watcher's latest version, and the bell that rings for a newer one."""

    def __init__(self, asset: Asset) -> None:
        self.seen = asset
        self._bell = asyncio.Event()
        self._latest = asset

    def offer(self, asset: Asset) -> None:
        if asset.version > self._latest.version:
            self._latest = asset
            self._bell.set()

    def wake(self) -> None:
        self._bell.set()

    async def news(self, within_s: float) -> Asset | None:
        try:
            async with asyncio.timeout(within_s):
                await self._bell.wait()
        except TimeoutError:
            return None
        self._bell.clear()
        if self._latest is self.seen:
            return None
        self.seen = self._latest
        return self.seen


def _settled(asset: Asset) -> bool:
    return asset.state.terminal or asset.state is AssetState.DELETING
