"""Sources as local files: in place where the store has them, else fetched once and kept a while."""

import asyncio
import logging
import shutil
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from blake3 import blake3

from mediakiln.model.errors import FetchFailed, Gone, ObjectMissing, StorageFull
from mediakiln.model.ids import new_id
from mediakiln.ports.folders import FULL, Folders
from mediakiln.ports.object_store import LocalFiles, ObjectStore
from mediakiln.stages.derive.lanes import Lane, OriginLanes
from mediakiln.stages.derive.source import Fetch, Source

log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Copy:
    """A fetched file: there once `ready` is done, kept while anybody holds it."""

    path: Path
    ready: "asyncio.Task[int]" = field(init=False)
    holders: int = 0
    bytes: int = 0


class SourceFiles:
    """Gives sources as files; of fetched ones, at most `max_bytes` that nobody holds are kept.

    As many are fetched at once as `lane` has places, `most_each` of them from one origin, each from
    elsewhere for at most `most_s` seconds. None is kept in the last `reserve_bytes` of the disk.
    """

    def __init__(
        self,
        store: ObjectStore,
        folders: Folders,
        lane: Lane,
        *,
        max_bytes: int,
        reserve_bytes: int = 0,
        most_s: float = 30.0,
        most_each: int | None = None,
    ) -> None:
        self._origins = OriginLanes(lane, most_each=most_each or lane.workers, most_wait_s=most_s)
        self._reserve_bytes = reserve_bytes
        self._most_s = most_s
        self._store = store
        self._folders = folders
        self._max_bytes = max_bytes
        self._stack = ExitStack()
        self._folder: Path | None = None
        self._copies: OrderedDict[str, _Copy] = OrderedDict()

    @asynccontextmanager
    async def hold(self, source: Source) -> AsyncIterator[Path]:
        """The source's file, which stays as it is within the context.

        Raises:
            ObjectMissing: it is no longer there.
            Gone: another hand put other bytes in its place.
            FetchFailed, FetchRefused, TooLarge: a file elsewhere cannot be had, or not in time.
            StorageFull: there is no room for it.
            Overloaded: too many are being fetched, or too many of its origin.
        """
        if source.key is not None and isinstance(self._store, LocalFiles):
            await self.check(source)
            path = self._store.local_path(source.bucket, source.key)
            try:
                yield path
            except FileNotFoundError:
                if path.exists():
                    raise
                raise ObjectMissing("the source is not in the store", asset=source.id) from None
            return
        name = blake3(f"{source.project}\n{source.id}\n{source.identity}".encode()).hexdigest()
        copy = self._copies.get(name)
        if copy is None:
            copy = _Copy(self._place() / new_id())  # never the path of one being given up
            copy.ready = asyncio.create_task(self._fetched(source, copy.path))
            self._copies[name] = copy
        copy.holders += 1
        try:
            copy.bytes = await asyncio.shield(copy.ready)
            self._copies.move_to_end(name)
            yield copy.path
        finally:
            copy.holders -= 1
            self._let_go(name, copy)

    async def check(self, source: Source) -> None:
        """Hold what other hands can overwrite against what was taken in.

        Raises:
            ObjectMissing, Gone: as `hold`.
        """
        if source.etag is None or source.key is None:
            return
        info = await self._store.head(source.bucket, source.key)
        if info is None:
            raise ObjectMissing("the original is no longer in the bucket", asset=source.id)
        if info.etag != source.etag:
            raise Gone("the original was overwritten in the bucket", asset=source.id)

    def close(self) -> None:
        """Remove what was fetched."""
        for copy in self._copies.values():
            copy.ready.cancel()
        self._copies.clear()
        self._stack.close()
        self._folder = None

    def _place(self) -> Path:
        if self._folder is None:
            self._folder = self._stack.enter_context(self._folders("sources"))
        return self._folder

    async def _fetched(self, source: Source, path: Path) -> int:
        try:
            async with self._origins.place(source.origin):
                if source.fetch is not None:
                    await self._brought(source.fetch, path)
                elif source.key is not None:
                    await self._store.download(source.bucket, source.key, path)
                    await self.check(source)
            return path.stat().st_size
        except BaseException as error:
            path.unlink(missing_ok=True)
            if isinstance(error, OSError) and error.errno in FULL:
                raise StorageFull("there is no space left for the source") from error
            raise

    async def _brought(self, fetch: Fetch, path: Path) -> None:
        """Bring a file from elsewhere; who answers slowly holds up no others for long."""
        try:
            async with asyncio.timeout(self._most_s):
                await fetch(path)
        except TimeoutError:
            raise FetchFailed(
                f"the source was not there within {self._most_s:g} s", limit=self._most_s, unit="s"
            ) from None

    def _let_go(self, name: str, copy: _Copy) -> None:
        if copy.holders:
            return
        failed = copy.ready.done() and (copy.ready.cancelled() or copy.ready.exception())
        if not copy.ready.done():
            copy.ready.cancel()  # nobody waits for it any more
        if failed or not copy.ready.done():
            if self._copies.get(name) is copy:
                del self._copies[name]
            return
        self._make_room()

    def _make_room(self) -> None:
        """Remove copies that nobody holds, the least recently used first, until few enough are."""
        surplus = sum(each.bytes for each in self._copies.values()) - self._max_bytes
        if self._reserve_bytes:
            free = shutil.disk_usage(self._place()).free
            surplus = max(surplus, self._reserve_bytes - free)
        for name, each in list(self._copies.items()):
            if surplus <= 0:
                return
            if not each.holders and each.ready.done():
                surplus -= each.bytes
                del self._copies[name]
                each.path.unlink(missing_ok=True)
