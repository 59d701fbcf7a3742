"""The worker of one page: its files are fetched side by side, each with an outcome of its own."""

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from functools import partial
from typing import Final
from urllib.parse import unquote, urlsplit

from mediakiln.model.access import Quota
from mediakiln.model.asset import Asset, Problem, clipped
from mediakiln.model.errors import (
    OUTAGES,
    EngineError,
    FetchFailed,
    FetchRefused,
    Leased,
    MediakilnError,
    Overloaded,
)
from mediakiln.model.ids import derived_id, new_id
from mediakiln.model.imports import (
    MAX_PROBLEM_BYTES,
    Import,
    ImportState,
    Item,
    ItemState,
    Page,
)
from mediakiln.model.upload import Offer
from mediakiln.ports.fetcher import Fetched, Fetcher, Place
from mediakiln.stages.importing.book import HeldPage, ImportBook
from mediakiln.stages.importing.intake import Intake, Opener
from mediakiln.stages.recipes import RecipeBook

log = logging.getLogger(__name__)

FETCH_TRIES: Final = 3
_NOTE_EVERY_S: Final = 1.0
_OVERLOADED_S: Final = 30.0
_STANDING = (*OUTAGES, EngineError, Overloaded)
"""They say nothing of the file; the page is worked on again later."""


class PageWorker:
    """Works on pages; `parallel` files are fetched at once by all pages together.

    Attributes:
        hold: refuses what is above the quota of an account (`Usage.hold`).
        lease: for how long a page is held without a sign of life.
        pause_s: before a fetch that failed is tried again, doubled each time.
    """

    def __init__(
        self,
        book: ImportBook,
        intake: Intake,
        fetcher: Fetcher,
        places: Mapping[str, Place],
        recipes: RecipeBook,
        *,
        hold: Callable[[str, Quota, int], Awaitable[None]],
        parallel: int = 8,
        lease: timedelta = timedelta(seconds=30),
        pause_s: float = 1.0,
    ) -> None:
        self._book = book
        self._intake = intake
        self._fetcher = fetcher
        self._places = places
        self._recipes = recipes
        self._hold = hold
        self._slots = asyncio.Semaphore(parallel)
        self._lease = lease
        self._pause_s = pause_s

    async def __call__(self, job: Import, number: int) -> Page:
        """The page with an outcome for each item.

        Raises:
            Leased: another worker has it, or all are to wait.
            StorageFull, EngineError: the engines are out; outcomes so far are kept.
        """
        held = await self._book.hold(job, number, owner=new_id(), lease=self._lease)
        page = _in_round(held.page, job.round)
        cancelled = job.state is ImportState.CANCELLED
        tasks = {} if cancelled else self._start(job, page)
        try:
            page = await self._gather(job, held, page, tasks)
        except Overloaded as error:
            raise Leased(retry_after=error.context.get("retry_after", _OVERLOADED_S)) from error
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.shield(self._let_go(held))
        return page

    @staticmethod
    async def _let_go(held: HeldPage) -> None:
        with suppress(MediakilnError):
            await held.release()

    def _start(self, job: Import, page: Page) -> dict[asyncio.Task[Item], int]:
        return {
            asyncio.create_task(self._item(job, item)): index
            for index, item in enumerate(page.items)
            if item.state is ItemState.PENDING
        }

    async def _gather(
        self, job: Import, held: HeldPage, page: Page, tasks: Mapping[asyncio.Task[Item], int]
    ) -> Page:
        """Note outcomes as they come, about once a second, and look whether to go on."""
        items, waiting = list(page.items), set(tasks)
        while waiting:
            until = time.monotonic() + _NOTE_EVERY_S
            done: set[asyncio.Task[Item]] = set()
            while waiting and (left := until - time.monotonic()) > 0 and not _failed(done):
                found, waiting = await asyncio.wait(
                    waiting, timeout=left, return_when=asyncio.FIRST_COMPLETED
                )
                done |= found
            for task in done:
                if task.exception() is None:
                    items[tasks[task]] = task.result()
            page = page.model_copy(update={"items": tuple(items)})
            await held.write(page)
            if error := _failed(done):
                raise error
            if waiting and await self._is_cancelled(job):
                break
        page = page.model_copy(update={"items": tuple(map(_skipped, items))})
        await held.write(page)
        return page

    async def _is_cancelled(self, job: Import) -> bool:
        """Whether the import was cancelled; else it is shown to be alive."""
        alive_since = self._book.clock() - self._lease

        def touch(latest: Import) -> Import | None:
            return latest if latest.updated_at < alive_since else None

        return (await self._book.change(job.project, job.id, touch)).state is ImportState.CANCELLED

    async def _item(self, job: Import, item: Item) -> Item:
        """The item with its outcome.

        Raises:
            Overloaded, StorageFull, EngineError: it has none yet.
        """
        async with self._slots:
            try:
                asset = await self._take_in(job, item)
            except _STANDING:
                raise
            except MediakilnError as error:
                return _with_problem(item, error.code, error.message)
            except Exception as error:
                log.exception("an item broke", extra={"asset": job.id})
                return _with_problem(item, "internal", type(error).__name__)
        return item.model_copy(
            update={
                "state": ItemState.DONE,
                "asset": asset.id,
                "bytes": asset.bytes,
                "error": None,
            }
        )

    async def _take_in(self, job: Import, item: Item) -> Asset:
        id = derived_id(job.id, str(item.number))
        offer = Offer(
            name=item.name or "",
            project=job.project,
            uploader=job.uploader if item.uploader is None else item.uploader,
            tags=tuple(dict.fromkeys((*job.tags, *item.tags))),
            recipe=job.recipe if item.recipe is None else self._recipes.resolve(item.recipe),
            size=item.size,
            counted=job.account,
        )
        attempt = 1
        while True:
            try:
                return await self._intake(
                    id, offer, self._opener(job, item), fallback=_last_part(item.source)
                )
            except FetchFailed as error:
                if attempt >= FETCH_TRIES:
                    raise
                said = float(error.context.get("retry_after") or 0)
                pause = self._pause_s * 2.0 ** (attempt - 1)
                await asyncio.sleep(max(said, pause * (0.5 + random.random())))  # noqa: S311 - jitter
                attempt += 1

    def _opener(self, job: Import, item: Item) -> Opener:
        opener = self._source(job, item)
        return opener if job.quota is None else partial(self._within, job, job.quota, opener)

    @asynccontextmanager
    async def _within(self, job: Import, quota: Quota, opener: Opener) -> AsyncIterator[Fetched]:
        """Open a file if it is within its key's quota.

        Raises:
            QuotaExceeded: it is not.
        """
        await self._hold(job.account, quota, 0)
        async with opener() as file:
            await self._hold(job.account, quota, file.size or 0)
            yield file

    def _source(self, job: Import, item: Item) -> Opener:
        most = self._intake.max_bytes
        if job.source.kind == "list":
            return partial(self._fetcher.open, item.source, max_bytes=most)
        name = job.source.place or ""
        if name not in self._places:
            raise FetchRefused(f"there is no place {name[:80]!r} any more")
        return partial(self._places[name].open, item.source, max_bytes=most)


def _last_part(source: str) -> str:
    """What a URL or a key calls its file."""
    if "://" not in source:
        return source.rpartition("/")[2]
    return unquote(urlsplit(source).path.rstrip("/").rpartition("/")[2])


def _in_round(page: Page, round: int) -> Page:
    """The page as this round begins it: what failed in the one before is to be done again."""
    if page.round == round:
        return page
    items = tuple(
        item.model_copy(update={"state": ItemState.PENDING, "error": None})
        if item.state in {ItemState.FAILED, ItemState.SKIPPED} and not item.final
        else item
        for item in page.items
    )
    return page.model_copy(update={"items": items, "round": round})


def _failed(tasks: set[asyncio.Task[Item]]) -> BaseException | None:
    return next((error for task in tasks if (error := task.exception()) is not None), None)


def _skipped(item: Item) -> Item:
    if item.state is not ItemState.PENDING:
        return item
    return item.model_copy(update={"state": ItemState.SKIPPED})


def _with_problem(item: Item, code: str, message: str) -> Item:
    problem = Problem(code=code, message=clipped(message, MAX_PROBLEM_BYTES))
    return item.model_copy(update={"state": ItemState.FAILED, "error": problem})
