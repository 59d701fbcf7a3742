"""What records beside the assets say of an uploader.

Uploads in progress, imports with their items, and what is remembered of watched folders.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Container, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

from mediakiln.model.clock import Clock, utc_now
from mediakiln.model.errors import VersionConflict
from mediakiln.model.ids import id_time
from mediakiln.model.imports import (
    IMPORT_ITEMS,
    IMPORTS,
    IMPORTS_OPEN,
    Import,
    ImportState,
    Item,
    ItemState,
    Page,
)
from mediakiln.model.upload import UPLOADS, Upload
from mediakiln.model.watched import WATCHED
from mediakiln.ports.catalog import Catalog, Record, Records

NAME: Final = "erased"
"""What stands where a name stood."""
_S3_KEYS: Final = "s3-keys"
_OF_UPLOADS: Final = frozenset(
    {"id", "project", "protocol", "name", "uploader", "tags", "recipe", "declared_type"}
    | {"size", "offset", "state", "by", "created_at", "expires_at"}
)
"""What is its uploader's of an upload's record; the rest is the platform's own."""
_PAGE: Final = 200
_TRIES: Final = 16
_PAUSE_S: Final = 0.005


@dataclass(frozen=True, slots=True)
class Trace:
    """One record as an export has it: a path in the archive, and a JSON object."""

    path: str
    document: Mapping[str, Any]
    at: datetime


class Traces:
    """Finds records of an uploader, and erases them."""

    def __init__(self, catalog: Catalog, *, clock: Clock = utc_now) -> None:
        self._uploads = catalog.records(UPLOADS)
        self._imports = catalog.records(IMPORTS)
        self._pages = catalog.records(IMPORT_ITEMS)
        self._marks = catalog.records(IMPORTS_OPEN)
        self._watched = catalog.records(WATCHED)
        self._keys = catalog.records(_S3_KEYS)
        self._clock = clock

    async def of(self, project: str, uploader: str) -> AsyncIterator[Trace]:
        """Uploads in progress, imports and their items, watched files; in this order."""
        async for record in listed(self._uploads, f"{project}/"):
            upload = Upload.model_validate(record.value)
            if upload.uploader == uploader:
                said = upload.model_dump(mode="json", include=set(_OF_UPLOADS))
                yield Trace(f"uploads/{upload.id}.json", said, upload.created_at)
        async for record in listed(self._imports, f"{project}/"):
            async for trace in self._of_import(Import.model_validate(record.value), uploader):
                yield trace
        async for record in listed(self._watched, f"{project}/"):
            if record.value.get("uploader") == uploader:
                id = str(record.value["id"])
                yield Trace(f"watched/{id}.json", record.value, id_time(id))

    async def erase(
        self, project: str, uploader: str, *, before: datetime, assets: Container[str]
    ) -> None:
        """Take an uploader out of all records that were begun by then.

        Args:
            project: the project.
            uploader: whose records.
            before: what was begun later stays.
            assets: the uploader's assets, whose keys are forgotten.
        """
        async for record in listed(self._keys, f"{project}/"):
            if record.value["asset"] in assets:
                await self._keys.delete(record.key)
        async for record in listed(self._uploads, f"{project}/"):
            upload = Upload.model_validate(record.value)
            if upload.uploader == uploader and upload.created_at <= before:
                await self._end_upload(record, upload)
        async for record in listed(self._imports, f"{project}/"):
            job = Import.model_validate(record.value)
            if job.created_at <= before:
                await self._erase_import(record.key, job, uploader)
        async for record in listed(self._watched, f"{project}/"):
            value = record.value
            theirs = value.get("uploader") == uploader or value["id"] in assets
            if theirs and "path" in value and id_time(str(value["id"])) <= before:
                await self._change(self._watched, record.key, _unnamed)

    async def _end_upload(self, record: Record, upload: Upload) -> None:
        over = {"expires_at": self._clock(), "uploader": "", "name": NAME, "tags": ()}
        ended = upload.model_copy(update=over).model_dump(mode="json")
        with suppress(VersionConflict):  # somebody writes to it: the next pass sees it
            await self._uploads.put(record.key, ended, expected=record.version)

    async def _of_import(self, job: Import, uploader: str) -> AsyncIterator[Trace]:
        if job.uploader == uploader:
            said = job.model_dump(mode="json", exclude={"settled", "after"})
            yield Trace(f"imports/{job.id}/import.json", said, job.created_at)
        async for record in listed(self._pages, f"{job.project}/{job.id}/"):
            items = [
                item.model_dump(mode="json", exclude_defaults=True)
                for item in Page.model_validate(record.value).items
                if (job.uploader if item.uploader is None else item.uploader) == uploader
            ]
            if items:
                number = record.key.rpartition("/")[2]
                yield Trace(f"imports/{job.id}/{number}.json", {"items": items}, job.created_at)

    async def _erase_import(self, key: str, job: Import, uploader: str) -> None:
        """Delete an uploader's import; in one of somebody else, blank the uploader's items.

        A worker that is at it notices at its next write, and finds nothing to go on with.
        """
        prefix = f"{key}/"
        if job.uploader != uploader:
            async for record in listed(self._pages, prefix):
                items = Page.model_validate(record.value).items
                if any(item.uploader == uploader for item in items):
                    await self._change(self._pages, record.key, partial(_blank, uploader))
            return
        await self._change(self._imports, key, _cancelled)
        await self._forget_pages(prefix)
        await self._imports.delete(key)
        await self._marks.delete(key)
        await self._forget_pages(prefix)  # one that was being written meanwhile

    async def _forget_pages(self, prefix: str) -> None:
        async for record in listed(self._pages, prefix):
            await self._pages.delete(record.key)

    @staticmethod
    async def _change(
        records: Records, key: str, apply: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    ) -> None:
        """Change a record; one that is written to without pause is left to the next pass."""
        for attempt in range(_TRIES):
            record = await records.get(key)
            if record is None:
                return
            try:
                await records.put(
                    key,
                    apply(record.value),
                    expected=record.version,
                    expires_at=record.expires_at,
                )
            except VersionConflict:
                await asyncio.sleep(random.random() * _PAUSE_S * attempt)  # noqa: S311 - jitter
                continue
            return


async def listed(records: Records, prefix: str = "") -> AsyncIterator[Record]:
    """Every record whose key begins with `prefix`."""
    cursor: str | None = None
    while True:
        found, cursor = await records.list(prefix, limit=_PAGE, cursor=cursor)
        for record in found:
            yield record
        if cursor is None:
            return


def _blank(uploader: str, value: Mapping[str, Any]) -> Mapping[str, Any]:
    """A page without what its items say of an uploader; those left to do are not done."""
    page = Page.model_validate(value)
    items = tuple(_blanked(item) if item.uploader == uploader else item for item in page.items)
    blank = page.model_copy(update={"items": items, "holder": None})
    return {"items": [], **blank.model_dump(mode="json", exclude_defaults=True)}


def _cancelled(value: Mapping[str, Any]) -> Mapping[str, Any]:
    job = Import.model_validate(value)
    state = job.state if job.state.ended else ImportState.CANCELLED
    return job.model_copy(update={"state": state}).model_dump(mode="json")


def _blanked(item: Item) -> Item:
    state = ItemState.SKIPPED if item.state is ItemState.PENDING else item.state
    error = item.error and item.error.model_copy(update={"message": NAME})
    return Item(
        number=item.number,
        uploader="",
        state=state,
        asset=item.asset,
        bytes=item.bytes,
        error=error,
        final=True,
    )


def _unnamed(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """What is remembered of a watched file, but for whose it is and what it is called.

    It is not deleted: the file, which is its operator's, would be taken in once more.
    """
    kept = {name: value[name] for name in ("state", "id", "asset") if name in value}
    if "problem" in value:
        kept["problem"] = {"code": value["problem"]["code"], "message": NAME}
    return kept
