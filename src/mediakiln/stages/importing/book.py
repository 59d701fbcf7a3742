"""The records of imports: each import, and its items in pages.

Every change is a compare-and-set. What an import knows of its pages is a number of them, and a
bit for each whose outcomes are counted, so that counting a page twice changes nothing.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import timedelta
from typing import Final

from mediakiln.model.clock import Clock, utc_now
from mediakiln.model.errors import Leased, NotFound, VersionConflict
from mediakiln.model.ids import is_id
from mediakiln.model.imports import (
    IMPORT_ITEMS,
    IMPORTS,
    IMPORTS_OPEN,
    Counts,
    Holder,
    Import,
    ImportState,
    Page,
)
from mediakiln.ports.catalog import Catalog, Record

KEPT: Final = timedelta(days=30)
"""How long an import can be looked at, from its beginning."""

_TRIES: Final = 64
_PAUSE_S: Final = 0.005
_NEVER: Final = 1_000_000_000


class ImportBook:
    """Reads and writes the records. Keys are `{project}/{id}` and `{project}/{id}/{page}`."""

    def __init__(self, catalog: Catalog, *, clock: Clock = utc_now) -> None:
        self._imports = catalog.records(IMPORTS)
        self._pages = catalog.records(IMPORT_ITEMS)
        self._open = catalog.records(IMPORTS_OPEN)
        self.clock = clock

    async def begin(self, job: Import) -> None:
        """Write a new import, marked as open first."""
        await self._open.put(_key(job), {}, expires_at=job.created_at + KEPT)
        await self._imports.put(_key(job), _import_value(job), expires_at=job.created_at + KEPT)

    async def get(self, project: str, id: str) -> Import:
        """An import.

        Raises:
            NotFound: there is none of that id in the project.
        """
        return Import.model_validate((await self._read(project, id)).value)

    async def list(
        self, project: str, *, limit: int, cursor: str | None
    ) -> tuple[Sequence[Import], str | None]:
        """A project's imports, oldest first, and the cursor of the next page."""
        records, following = await self._imports.list(f"{project}/", limit=limit, cursor=cursor)
        return [Import.model_validate(record.value) for record in records], following

    async def change(
        self, project: str, id: str, apply: Callable[[Import], Import | None]
    ) -> Import:
        """Apply a change to the latest form, again whenever somebody was faster.

        `apply` returns None to leave the record alone, and may raise.

        Raises:
            NotFound: as `get`.
            VersionConflict: the record is written to without pause.
        """
        for attempt in range(_TRIES):
            record = await self._read(project, id)
            job = Import.model_validate(record.value)
            changed = apply(job)
            if changed is None:
                return job
            changed = changed.model_copy(update={"updated_at": self.clock()})
            try:
                await self._imports.put(
                    record.key,
                    _import_value(changed),
                    expected=record.version,
                    expires_at=job.created_at + KEPT,
                )
            except VersionConflict:
                await asyncio.sleep(random.random() * _PAUSE_S * attempt)  # noqa: S311 - jitter
                continue
            return changed
        raise VersionConflict(asset=id)

    async def reopen(self, job: Import) -> None:
        """Mark an import as open again; marked already is no error."""
        try:
            await self._open.put(_key(job), {}, expires_at=job.created_at + KEPT)
        except VersionConflict:
            return

    async def settle(self, job: Import, number: int, page: Page) -> Import:
        """Count a page's outcomes, once; the last page of all ends the import."""

        def count(latest: Import) -> Import | None:
            if latest.round != page.round or latest.is_settled(number):
                return None
            return latest.model_copy(
                update={
                    "settled": f"{int(latest.settled, 16) | 1 << number:x}",
                    "counts": latest.counts + Counts.of(page),
                }
            )

        await self.change(job.project, job.id, count)
        return await self.finish(job)

    async def finish(self, job: Import) -> Import:
        """End an import whose every page is counted."""

        def end(latest: Import) -> Import | None:
            if latest.state is not ImportState.RUNNING or not latest.all_settled:
                return None
            update = {"state": ImportState.DONE, "finished_at": self.clock()}
            return latest.model_copy(update=update)

        return await self.change(job.project, job.id, end)

    async def add_page(self, job: Import, number: int, page: Page) -> Page:
        """Write a page unless there is one of that number; the one that is there then."""
        key = _page_key(job, number)
        try:
            await self._pages.put(key, _page_value(page), expires_at=job.created_at + KEPT)
        except VersionConflict:
            record = await self._pages.get(key)
            return Page.model_validate(record.value) if record else page
        return page

    async def hold(self, job: Import, number: int, *, owner: str, lease: timedelta) -> "HeldPage":
        """Become the only worker of a page until `HeldPage.release`, or until the lease is over.

        Raises:
            Leased: another worker has it; `retry_after` says for how many seconds at most.
            NotFound: there is no such page.
        """
        key = _page_key(job, number)
        record = await self._pages.get(key)
        if record is None:
            raise NotFound(f"import {job.id} has no page {number}")
        page, now = Page.model_validate(record.value), self.clock()
        if page.holder is not None and page.holder.owner != owner and page.holder.expires_at > now:
            raise Leased(retry_after=(page.holder.expires_at - now).total_seconds())
        held = HeldPage(self, job, key, record.version, page, owner, lease)
        await held.write(page)
        return held

    async def write_page(self, job: Import, key: str, page: Page, *, expected: int) -> int:
        """Replace a page.

        Raises:
            Leased: somebody else wrote it, so it is theirs now.
        """
        try:
            return await self._pages.put(
                key, _page_value(page), expected=expected, expires_at=job.created_at + KEPT
            )
        except VersionConflict:
            raise Leased("another worker has taken this page over", retry_after=5.0) from None

    async def pages(self, job: Import, *, start: int = 0) -> AsyncIterator[tuple[int, Page]]:
        """The pages from number `start` on."""
        for number in range(start, job.pages):
            record = await self._pages.get(_page_key(job, number))
            if record is not None:
                yield number, Page.model_validate(record.value)

    async def forget(self, job: Import) -> None:
        """Delete an import that never began, with its pages."""
        for number in range(_NEVER):
            if await self._pages.get(_page_key(job, number)) is None:
                break
            await self._pages.delete(_page_key(job, number))
        await self._imports.delete(_key(job))
        await self._open.delete(_key(job))

    async def standing(self) -> AsyncIterator[Import]:
        """Imports that have not ended; marks of those that have are taken away."""
        cursor: str | None = None
        while True:
            marks, cursor = await self._open.list(cursor=cursor)
            for mark in marks:
                record = await self._imports.get(mark.key)
                job = Import.model_validate(record.value) if record else None
                if job is None or job.state.ended:
                    await self._unmark(mark, job)
                else:
                    yield job
            if cursor is None:
                return

    async def _unmark(self, mark: Record, job: Import | None) -> None:
        """Take a mark away, unless its import is just being begun or opened again."""
        if job is None or self.clock() - job.updated_at > timedelta(minutes=1):
            try:
                await self._open.delete(mark.key, expected=mark.version)
            except VersionConflict:
                return

    async def _read(self, project: str, id: str) -> Record:
        record = await self._imports.get(f"{project}/{id}") if is_id(id) else None
        if record is None:
            raise NotFound(f"there is no import {id[:64]!r}")
        return record


class HeldPage:
    """A page that this worker alone may write, while its lease is renewed by writing."""

    def __init__(
        self,
        book: ImportBook,
        job: Import,
        key: str,
        version: int,
        page: Page,
        owner: str,
        lease: timedelta,
    ) -> None:
        self._book = book
        self._job = job
        self._key = key
        self._version = version
        self._owner = owner
        self._lease = lease
        self.page = page

    async def write(self, page: Page) -> None:
        """Write the page, and hold it for another lease.

        Raises:
            Leased: the lease was over, and somebody else has it.
        """
        expires = self._book.clock() + self._lease
        await self._put(
            page.model_copy(update={"holder": Holder(owner=self._owner, expires_at=expires)})
        )

    async def release(self) -> None:
        """Let others have the page, as it was written last."""
        await self._put(self.page.model_copy(update={"holder": None}))

    async def _put(self, page: Page) -> None:
        self._version = await self._book.write_page(
            self._job, self._key, page, expected=self._version
        )
        self.page = page


def _key(job: Import) -> str:
    return f"{job.project}/{job.id}"


def _page_key(job: Import, number: int) -> str:
    return f"{job.project}/{job.id}/{number:06d}"


def _import_value(job: Import) -> dict[str, object]:
    return job.model_dump(mode="json")


def _page_value(page: Page) -> dict[str, object]:
    value = page.model_dump(mode="json", exclude_defaults=True)
    return {"items": [], **value}
