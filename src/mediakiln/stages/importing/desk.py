"""The desk: imports are begun, looked at, tried again and cancelled here."""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from mediakiln.model.access import Quota
from mediakiln.model.asset import Problem, clipped
from mediakiln.model.errors import (
    Conflict,
    InvalidRequest,
    LimitExceeded,
    MediakilnError,
)
from mediakiln.model.ids import new_id
from mediakiln.model.imports import (
    MAX_ITEM_BYTES,
    MAX_ITEMS,
    MAX_PAGES,
    MAX_PROBLEM_BYTES,
    Import,
    ImportSource,
    ImportState,
    Item,
    ItemState,
    Page,
)
from mediakiln.model.names import clean_name
from mediakiln.model.recipe import Recipe
from mediakiln.ports.broker import Broker
from mediakiln.ports.fetcher import Fetcher
from mediakiln.stages.importing.book import ImportBook
from mediakiln.stages.importing.pages import PageFill, is_small
from mediakiln.stages.importing.post import send
from mediakiln.stages.recipes import RecipeBook

MAX_PREFIX_BYTES: Final = 1024
LOOKED_THROUGH: Final = 200
"""Pages that one question for items reads at most."""
ALIVE_EVERY: Final = timedelta(seconds=20)
"""How often a list that is still coming in shows that it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is said of an import beside its files.

    With `uploader_fixed`, items cannot name another uploader. With `quota`, files count for
    `account`, and those above it fail.
    """

    project: str
    by: str
    uploader: str = ""
    uploader_fixed: bool = False
    tags: tuple[str, ...] = ()
    recipe: Recipe | None = None
    account: str = ""
    quota: Quota | None = None


class ImportDesk:
    """Begins imports and answers for them; the work is `Importing`'s."""

    def __init__(
        self,
        book: ImportBook,
        broker: Broker,
        fetcher: Fetcher,
        recipes: RecipeBook,
        *,
        places: Collection[str] = (),
    ) -> None:
        self._book = book
        self._broker = broker
        self._fetcher = fetcher
        self._recipes = recipes
        self.places = tuple(sorted(places))

    async def begin_list(self, wanted: Wanted, items: AsyncIterator[Item]) -> Import:
        """Begin an import of files at URLs; bad items fail at once and hurt no other.

        Raises:
            InvalidRequest: there is no item.
            LimitExceeded: there are more than `MAX_ITEMS`.
            MediakilnError: as `items` raises. Nothing is kept.
        """
        job = self._new(wanted, ImportSource(kind="list"))
        await self._book.begin(job)
        try:
            pages, total = await self._write(job, items, wanted)
        except BaseException:
            await self._book.forget(job)
            raise

        def run(latest: Import) -> Import:
            update: dict[str, object] = {"pages": pages, "total": total, "listed": True}
            if latest.state is not ImportState.CANCELLED:
                update["state"] = ImportState.RUNNING
            return latest.model_copy(update=update)

        job = await self._book.change(job.project, job.id, run)
        await send(self._broker, job, "walk")
        return job

    async def begin_place(self, wanted: Wanted, place: str, prefix: str) -> Import:
        """Begin an import of every file of a place whose key begins with `prefix`.

        Raises:
            InvalidRequest: the operator has named no such place, or the prefix cannot be one.
        """
        if place not in self.places:
            raise InvalidRequest(
                f"there is no source {place[:80]!r}",
                field="source",
                allowed=list(self.places),
                hint="the operator names sources in MEDIAKILN_IMPORT_SOURCES",
            )
        if (
            len(prefix.encode()) > MAX_PREFIX_BYTES
            or not prefix.isprintable()
            or any(part in {".", ".."} for part in prefix.split("/"))
            or prefix.startswith("/")
        ):
            raise InvalidRequest("the prefix cannot be one of a key", field="prefix")
        job = self._new(wanted, ImportSource(kind="place", place=place, prefix=prefix))
        await self._book.begin(job)
        await send(self._broker, job, "list")
        return job

    async def get(self, project: str, id: str) -> Import:
        """An import.

        Raises:
            NotFound: there is none of that id in the project.
        """
        return await self._book.get(project, id)

    async def list(
        self, project: str, *, limit: int, cursor: str | None
    ) -> tuple[Sequence[Import], str | None]:
        """A project's imports, oldest first, and the cursor of the next page."""
        return await self._book.list(project, limit=limit, cursor=cursor)

    async def items(
        self, project: str, id: str, *, state: ItemState | None, limit: int, start: int
    ) -> tuple[Sequence[Item], int | None]:
        """Items from page `start` on, and the next start.

        At least `limit`, if there are so many in `LOOKED_THROUGH` pages.

        Raises:
            NotFound: as `get`.
        """
        found: list[Item] = []
        async for number, page in self._book.pages(await self.get(project, id), start=start):
            if len(found) >= limit or number - start >= LOOKED_THROUGH:
                return found, number
            found += [item for item in page.items if state is None or item.state is state]
        return found, None

    async def retry(self, project: str, id: str) -> Import:
        """Try again what failed or was skipped, and go on listing where that failed.

        Raises:
            NotFound: as `get`.
            Conflict: the import has not ended.
        """

        def again(latest: Import) -> Import:
            if not latest.state.ended or (latest.source.kind == "list" and not latest.listed):
                raise Conflict(
                    f"the import is {latest.state}, which cannot be retried", state=latest.state
                )
            return latest.model_copy(
                update={
                    "state": ImportState.RUNNING if latest.listed else ImportState.LISTING,
                    "round": latest.round + 1,
                    "counts": type(latest.counts)(),
                    "settled": "0",
                    "error": None,
                    "finished_at": None,
                }
            )

        await self._book.reopen(await self.get(project, id))
        job = await self._book.change(project, id, again)
        await send(self._broker, job, "walk")
        if not job.listed:
            await send(self._broker, job, "list")
        return job

    async def cancel(self, project: str, id: str) -> Import:
        """Take in nothing more; what is taken in stays. Again is no error.

        Raises:
            NotFound: as `get`.
        """

        def end(latest: Import) -> Import | None:
            if latest.state.ended:
                return None
            update = {"state": ImportState.CANCELLED, "finished_at": self._book.clock()}
            return latest.model_copy(update=update)

        return await self._book.change(project, id, end)

    def _new(self, wanted: Wanted, source: ImportSource) -> Import:
        now = self._book.clock()
        return Import(
            id=new_id(),
            project=wanted.project,
            source=source,
            uploader=wanted.uploader,
            tags=wanted.tags,
            recipe=wanted.recipe,
            by=wanted.by,
            account=wanted.account,
            quota=wanted.quota,
            created_at=now,
            updated_at=now,
        )

    async def _write(
        self, job: Import, items: AsyncIterator[Item], wanted: Wanted
    ) -> tuple[int, int]:
        """Write the pages; how many, and of how many items."""
        fill, pages, total = PageFill(), 0, 0
        alive = self._book.clock()
        async for given in items:
            if self._book.clock() - alive > ALIVE_EVERY:
                alive = self._book.clock()
                await self._book.change(job.project, job.id, lambda latest: latest)
            item = self._checked(given)
            if wanted.uploader_fixed:
                item = item.model_copy(update={"uploader": None})
            if not fill.fits(item):
                await self._book.add_page(job, pages, Page(items=fill.take()))
                pages += 1
            fill.add(item)
            total += 1
            if total > MAX_ITEMS or pages >= MAX_PAGES:
                raise LimitExceeded(
                    f"an import has at most {MAX_ITEMS} files", limit=MAX_ITEMS, value=total
                )
        if fill.items:
            await self._book.add_page(job, pages, Page(items=fill.take()))
            pages += 1
        if not total:
            raise InvalidRequest("there is nothing to import", hint="give at least one URL")
        return pages, total

    def _checked(self, item: Item) -> Item:
        """The item, failed already if it cannot be right."""
        if item.error is not None:
            return item
        try:
            if not is_small(item):
                raise LimitExceeded("the item is too large", limit=MAX_ITEM_BYTES)
            self._fetcher.check(item.source)
            self._recipes.resolve(item.recipe)
            if item.name:
                clean_name(item.name)
        except MediakilnError as error:
            return failed_item(item.number, error.code, error.message, source=item.source)
        return item


def failed_item(number: int, code: str, message: str, *, source: str = "") -> Item:
    """An item that cannot be taken in, however often it is tried."""
    problem = Problem(code=code, message=clipped(message, MAX_PROBLEM_BYTES))
    return Item(
        number=number, source=source[:200], state=ItemState.FAILED, error=problem, final=True
    )
