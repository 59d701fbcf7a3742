"""The role that takes in files from folders as they come.

A file is taken when nobody writes to it any more: at once if it was moved into the folder,
else when it has stood still for a while. What was taken is in records, under what tells a file
apart, with the id its asset has; so a restart at any moment neither loses nor doubles one.
"""

import asyncio
import logging
import time
from contextlib import aclosing, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

from mediakiln.adapters.fetcher import watched
from mediakiln.adapters.fetcher.events import changes_in
from mediakiln.adapters.fetcher.watched import Sighting
from mediakiln.model.asset import Problem
from mediakiln.model.clock import utc_now
from mediakiln.model.errors import (
    OUTAGES,
    EngineError,
    EngineMisconfigured,
    FetchFailed,
    MediakilnError,
    Overloaded,
    VersionConflict,
)
from mediakiln.model.ids import new_id
from mediakiln.model.upload import Offer
from mediakiln.model.watched import WATCHED, After, WatchedFolder
from mediakiln.ports.catalog import Record, Records
from mediakiln.roles import imports, parts
from mediakiln.roles.engines import Engines
from mediakiln.roles.service import Service, Together, wait_for_stop
from mediakiln.roles.settings import Settings
from mediakiln.stages.importing import Intake
from mediakiln.stages.recipes import RecipeBook

log = logging.getLogger(__name__)

KEPT: Final = timedelta(days=30)
"""How long it is remembered what became of a file that is not in the folder any more."""

_TICK_S: Final = 0.5
_PAUSE_S: Final = 5.0
_NEW_FOLDER_S: Final = 2.0
_WARN_EVERY_S: Final = 10.0
_LATER = (*OUTAGES, EngineError, Overloaded, FetchFailed)
"""They say nothing of the file: it is tried again."""


class Watcher:
    """Takes in the files of one folder.

    Args:
        folder: what is watched, and what its files become.
        intake: who takes files in.
        records: the space in which it is remembered what became of them.
        recipes: knows the folder's recipe.
        settle_s: how long a file must have stood still to be complete.
        scan_s: seconds between full looks.
        parallel: files taken in at once.
    """

    def __init__(
        self,
        folder: WatchedFolder,
        intake: Intake,
        records: Records,
        recipes: RecipeBook,
        *,
        settle_s: float,
        scan_s: float,
        parallel: int = 8,
    ) -> None:
        self._folder = folder
        self._root = folder.path.resolve()
        self._intake = intake
        self._records = records
        self._recipe = recipes.resolve(folder.recipe)
        self._settle_s = settle_s
        self._scan_s = scan_s
        self._slots = asyncio.Semaphore(parallel)
        self._waiting: dict[str, tuple[Sighting, float]] = {}
        self._known: dict[str, str] = {}
        self._taking: dict[str, asyncio.Task[None]] = {}
        self._stopping = False
        self._warned_at = -_WARN_EVERY_S
        self._scans_due = [time.monotonic()]

    async def run(self, stop: asyncio.Event) -> None:
        """Watch until told to stop; files that are being taken in are let to their end."""
        listening = asyncio.create_task(self._listen(stop))
        try:
            while not stop.is_set():
                now = time.monotonic()
                if now >= min(self._scans_due):
                    later = [due for due in self._scans_due if due > now]
                    self._scans_due = [*later, now + self._scan_s]
                    await self._scan()
                await self._tick()
                await wait_for_stop(stop, _TICK_S)
        finally:
            self._stopping = True
            listening.cancel()
            await asyncio.gather(listening, *self._taking.values(), return_exceptions=True)

    async def _listen(self, stop: asyncio.Event) -> None:
        """Note files that events tell of; where there are no events, the full looks must do."""
        while not stop.is_set():
            try:
                folders = await asyncio.to_thread(watched.folders, self._root)
                async with aclosing(changes_in(folders, stop)) as changes:
                    async for batch in changes:
                        folders_came = [self._note(path) and came for path, came in batch]
                        if any(folders_came):
                            break
            except (OSError, RuntimeError) as error:
                log.warning("%s is not watched for now: %s", self._root, error)
                await wait_for_stop(stop, min(self._scan_s, _PAUSE_S))

    def _note(self, path: Path) -> bool:
        """See a file; whether it is a folder instead, so that others are to be watched now."""
        key = path.relative_to(self._root).as_posix()
        if not watched.wanted(key):
            return False
        if (seen := watched.look(self._root, key)) is not None:
            self._see(seen)
            return False
        if path.is_symlink() or not path.is_dir():
            return False
        # Nothing tells of what is in it already, nor of what comes before it is watched.
        now = time.monotonic()
        self._scans_due += [now, now + _NEW_FOLDER_S]
        return True

    def _see(self, seen: Sighting) -> None:
        if self._known.get(seen.key) == seen.fingerprint or seen.key in self._taking:
            return
        before = self._waiting.get(seen.key)
        if before is None or not seen.same_as(before[0]):
            self._waiting[seen.key] = (seen, time.monotonic())

    async def _scan(self) -> None:
        try:
            found = await asyncio.to_thread(lambda: list(watched.scan(self._root)))
        except OSError as error:
            log.warning("%s cannot be read: %s", self._root, error)
            return
        keys = {seen.key for seen in found}
        self._known = {key: mark for key, mark in self._known.items() if key in keys}
        for seen in found:
            self._see(seen)

    async def _tick(self) -> None:
        """Start to take in what is complete."""
        if not self._waiting:
            return
        looked, (busy, all_told) = await asyncio.to_thread(self._look_again)
        now = time.monotonic()
        for key, seen in looked.items():
            before, since = self._waiting[key]
            if seen is None:
                del self._waiting[key]
            elif not seen.same_as(before):
                self._waiting[key] = (seen, now)
            elif (seen.device, seen.inode) not in busy and (
                now - since >= self._settle_s or (seen.settled and all_told and since <= now)
            ):
                del self._waiting[key]
                task = self._taking[key] = asyncio.create_task(self._take(seen))
                task.add_done_callback(partial(self._taken, key))

    def _look_again(
        self,
    ) -> tuple[dict[str, Sighting | None], tuple[set[tuple[int, int]], bool]]:
        writing = watched.writers()  # before the looks: who closes in between is waited for
        return {key: watched.look(self._root, key) for key in list(self._waiting)}, writing

    def _taken(self, key: str, task: asyncio.Task[None]) -> None:
        self._taking.pop(key, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("%s was not taken in: %r", self._root / key, error)

    async def _take(self, seen: Sighting) -> None:
        """Take a file in, remember it, and put it where it belongs then."""
        async with self._slots:
            if self._stopping:
                return
            try:
                record = await self._begin(seen)
                if record.value["state"] == "taking":
                    record = await self._finish(seen, record)
            except _LATER as error:
                now = time.monotonic()
                if now - self._warned_at >= _WARN_EVERY_S:  # an outage meets every file
                    self._warned_at = now
                    log.warning("%s is tried again: %s", self._root / seen.key, error)
                self._waiting[seen.key] = (seen, now + _PAUSE_S)
                return
            self._known[seen.key] = seen.fingerprint
            try:
                await asyncio.to_thread(self._put_away, seen, record.value.get("problem"))
            except OSError as error:
                log.warning("%s stays where it is: %s", self._root / seen.key, error)

    async def _begin(self, seen: Sighting) -> Record:
        """The file's record, with the id its asset has or will have."""
        key = f"{self._folder.project}/{self._mark(seen)}"
        if (record := await self._records.get(key)) is None:
            said = {"path": str(self._root / seen.key), "uploader": self._folder.uploader}
            value = {"state": "taking", "id": new_id(), **said}
            with suppress(VersionConflict):
                return Record(key, value, await self._records.put(key, value))
            record = await self._records.get(key)
        if record is None:
            raise FetchFailed("another has taken the file and forgotten it again")
        return record

    async def _finish(self, seen: Sighting, record: Record) -> Record:
        offer = Offer(
            name="",
            project=self._folder.project,
            uploader=self._folder.uploader,
            tags=self._folder.tags,
            recipe=self._recipe,
            size=seen.size,
        )
        source = partial(watched.opened, self._root, seen, max_bytes=self._intake.max_bytes)
        value: dict[str, Any] = {**record.value}
        try:
            name = seen.key.rpartition("/")[2]
            asset = await self._intake(value["id"], offer, source, fallback=name)
        except _LATER:
            raise
        except MediakilnError as error:
            problem = Problem.of(error).model_dump(exclude_none=True)
            value |= {"state": "failed", "problem": problem}
        else:
            value |= {"state": "done", "asset": asset.id}
        stays = self._folder.after is After.KEEP
        with suppress(VersionConflict):  # another took the same file in, under the same id
            await self._records.put(
                record.key,
                value,
                expected=record.version,
                expires_at=None if stays else utc_now() + KEPT,
            )
        return Record(record.key, value, record.version)

    def _mark(self, seen: Sighting) -> str:
        """What tells a file apart from all others, of other folders as well."""
        whole = Sighting(
            str(self._root / seen.key), seen.device, seen.inode, seen.mtime_ns, seen.size
        )
        return whole.fingerprint

    def _put_away(self, seen: Sighting, problem: dict[str, Any] | None) -> None:
        path: Path | None = self._root / seen.key
        if problem is None:
            if self._folder.after is After.MOVE:
                watched.set_aside(self._root, seen, watched.DONE)
            elif self._folder.after is After.DELETE:
                watched.delete(self._root, seen)
            return
        if self._folder.after is not After.KEEP:
            path = watched.set_aside(self._root, seen, watched.FAILED)
        if path is not None:
            watched.explain(path, {"file": seen.key, **problem})


def build(settings: Settings, engines: Engines) -> Service:
    """A watcher for each folder of the settings.

    Raises:
        EngineMisconfigured: no folder is named, or one of another kind.
        UnknownRecipe: there is no preset of a folder's recipe.
    """
    if not settings.watch:
        raise EngineMisconfigured(
            "MEDIAKILN_WATCH names no folder", hint='MEDIAKILN_WATCH=\'[{"path": "/in"}]\''
        )
    intake, recipes = imports.intake(settings, engines), parts.recipe_book(settings)
    return Together(
        [
            Watcher(
                folder,
                intake,
                engines.catalog.records(WATCHED),
                recipes,
                settle_s=settings.watch_settle_s,
                scan_s=settings.watch_scan_s,
                parallel=settings.import_parallel,
            )
            for folder in settings.watch
        ]
    )
