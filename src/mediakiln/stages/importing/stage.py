"""Importing: lists places, and takes in the files of an import, page by page.

A page is one message. Its worker holds the page's record while it works, writes outcomes into
it as they come, and counts it into the import at the end. A worker that is killed loses the
outcomes of about a second; their files have their assets, whose ids the import's id and the
items' numbers say, so the next worker finds them taken in.
"""

import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from datetime import timedelta
from typing import Final, Literal

from mediakiln.model.asset import Problem
from mediakiln.model.errors import FetchRefused, MediakilnError, NotFound
from mediakiln.model.imports import (
    MAX_ITEMS,
    MAX_PAGES,
    Import,
    ImportState,
    Item,
    Page,
)
from mediakiln.model.messages import ImportWork, Message
from mediakiln.ports.broker import Broker
from mediakiln.ports.fetcher import Place
from mediakiln.stages.importing.book import ImportBook
from mediakiln.stages.importing.pages import PageFill
from mediakiln.stages.importing.post import send, send_pages
from mediakiln.stages.importing.worker import PageWorker

log = logging.getLogger(__name__)

WALK_BATCH: Final = 100
"""Pages that are sent to the workers at once."""
WALK_PAGES: Final = 2_000
LIST_PAGES: Final = 500
"""Pages that one message walks or lists before it hands on to the next."""


class Importing:
    """Handles the messages of `imports`."""

    def __init__(
        self,
        book: ImportBook,
        broker: Broker,
        worker: PageWorker,
        places: Mapping[str, Place],
        *,
        stall_after: timedelta = timedelta(minutes=5),
    ) -> None:
        self._book = book
        self._broker = broker
        self._worker = worker
        self._places = places
        self._stall_after = stall_after

    async def __call__(self, message: Message) -> None:
        """Do one part of an import; what is out of date is left.

        Raises:
            Leased: another worker has the page.
            Overloaded, StorageFull, EngineError: as the engines do; the part is to be done again.
        """
        work = ImportWork.of(message)
        try:
            job = await self._book.get(work.project, work.asset)
        except NotFound:
            return
        try:
            await self._do(job, work)
        except NotFound:
            # Its uploader was erased meanwhile, perhaps, and the import with it.
            if await self._is_there(job):
                raise

    async def _do(self, job: Import, work: ImportWork) -> None:
        if work.round != job.round:
            return
        if work.step == "page":
            await self._page(job, work.page)
        elif work.step == "walk":
            await self._walk(job, work.page)
        elif job.state is ImportState.LISTING and job.source.kind == "place":
            await self._list(job)

    async def _is_there(self, job: Import) -> bool:
        try:
            await self._book.get(job.project, job.id)
        except NotFound:
            return False
        return True

    async def sweep(self) -> int:
        """Set imports going that have stood still, as after a crash between two writes."""
        found = 0
        async for job in self._book.standing():
            if self._book.clock() - job.updated_at < self._stall_after:
                continue
            found += 1
            if job.state is ImportState.LISTING and job.source.kind == "list":
                await self._end_unlisted(job, "the request that brought the list did not end")
                continue
            step: Literal["list", "walk"] = "list" if job.state is ImportState.LISTING else "walk"
            await self._book.change(job.project, job.id, lambda latest: latest)
            await send(self._broker, job, step)
            await self._book.finish(job)
        return found

    async def _page(self, job: Import, number: int) -> None:
        if job.is_settled(number):
            return
        page = await self._worker(job, number)
        await self._book.settle(job, number, page)

    async def _walk(self, job: Import, start: int) -> None:
        end = min(job.pages, start + WALK_PAGES)
        numbers = [number for number in range(start, end) if not job.is_settled(number)]
        for at in range(0, len(numbers), WALK_BATCH):
            await send_pages(self._broker, job, numbers[at : at + WALK_BATCH])
        if end < job.pages:
            await send(self._broker, job, "walk", page=end)

    async def _list(self, job: Import) -> None:
        """List the import's place from where it stands; the message is the lister's whole claim.

        Pages are written if they are absent, so two listers at once make each page once.
        """
        limit = job.pages + LIST_PAGES
        try:
            place, more = self._place(job), True
            while more and job.pages < limit and job.state is ImportState.LISTING:
                job, more = await self._list_on(job, place, limit)
        except MediakilnError as error:
            if error.retryable:
                raise
            await self._end_unlisted(job, error.message, code=error.code)
            return
        if more and job.state is ImportState.LISTING:
            await send(self._broker, job, "list")
        elif not more:
            await self._listed(job)

    def _place(self, job: Import) -> Place:
        name = job.source.place or ""
        if name not in self._places:
            raise FetchRefused(
                f"there is no place {name[:80]!r} any more",
                hint="the operator names places in MEDIAKILN_IMPORT_SOURCES",
            )
        return self._places[name]

    async def _list_on(self, job: Import, place: Place, limit: int) -> tuple[Import, bool]:
        """Write and send pages by one listing; the import then, and whether there may be more.

        Ends early where another lister's page is found, which may end elsewhere than ours.
        """
        async with aclosing(_pages_of(place, job.source.prefix, job.after)) as pages:
            async for unnumbered in pages:
                self._check_number(job, len(unnumbered))
                items = tuple(
                    item.model_copy(update={"number": job.total + at})
                    for at, item in enumerate(unnumbered, 1)
                )
                page = Page(items=items, after=items[-1].source, round=job.round)
                written = await self._book.add_page(job, job.pages, page)
                await send_pages(self._broker, job, [job.pages])
                job = await self._advance(job, written)
                if job.after != page.after:
                    return job, True
                if job.pages >= limit or job.state is not ImportState.LISTING:
                    return job, True
        return job, False

    @staticmethod
    def _check_number(job: Import, more: int) -> None:
        if job.total + more > MAX_ITEMS or job.pages >= MAX_PAGES:
            raise FetchRefused(
                f"an import has at most {MAX_ITEMS} files",
                limit=MAX_ITEMS,
                hint="import smaller prefixes one by one",
            )

    async def _advance(self, job: Import, page: Page) -> Import:
        def add(latest: Import) -> Import | None:
            if latest.pages != job.pages:
                return None
            return latest.model_copy(
                update={
                    "pages": latest.pages + 1,
                    "total": latest.total + len(page.items),
                    "after": page.after,
                }
            )

        return await self._book.change(job.project, job.id, add)

    async def _listed(self, job: Import) -> None:
        def run(latest: Import) -> Import | None:
            if latest.state is not ImportState.LISTING or latest.pages != job.pages:
                return None
            return latest.model_copy(update={"state": ImportState.RUNNING, "listed": True})

        await self._book.finish(await self._book.change(job.project, job.id, run))

    async def _end_unlisted(self, job: Import, message: str, *, code: str = "incomplete") -> None:
        def fail(latest: Import) -> Import | None:
            if latest.state is not ImportState.LISTING:
                return None
            return latest.model_copy(
                update={
                    "state": ImportState.FAILED,
                    "error": Problem(code=code, message=message[:500]),
                    "finished_at": self._book.clock(),
                }
            )

        await self._book.change(job.project, job.id, fail)


async def _pages_of(
    place: Place, prefix: str, after: str
) -> AsyncGenerator[tuple[Item, ...], None]:
    """A place's files in pages, without numbers."""
    fill = PageFill()
    async for found in place.list(prefix, start_after=after):
        if found.key.endswith("/"):  # what consoles make to show an empty folder
            continue
        item = Item(number=MAX_ITEMS, source=found.key, size=found.size)
        if not fill.fits(item):
            yield fill.take()
        fill.add(item)
    if fill.items:
        yield fill.take()
