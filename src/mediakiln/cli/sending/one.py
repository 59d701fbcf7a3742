"""Sending one file: from the start, from where an earlier run ended, or not at all."""

import asyncio
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from mediakiln.cli.sending.bars import Bar
from mediakiln.cli.sending.journal import Journal, Past
from mediakiln.cli.sending.walk import Found
from mediakiln.client import ApiError, Asset, AsyncClient
from mediakiln.client.resources.uploads import PART_BYTES, Recipe
from mediakiln.model.kind import AssetState

LARGE_AT_ONCE: Final = 2
"""Files sent in parts, ten parts at once each: more would only share the same line."""
_OVER: Final = frozenset({"not_found", "gone", "upload_expired"})


@dataclass(frozen=True, slots=True)
class Job:
    """What is asked for every file."""

    recipe: Recipe | None
    tags: Sequence[str]
    uploader: str | None
    wait: bool
    again: bool
    as_json: bool


@dataclass(frozen=True, slots=True)
class Sent:
    """What a file became; `known`: an earlier run had sent it."""

    asset: Asset
    known: bool = False


class Sender:
    """Sends files and notes how far each is."""

    def __init__(self, client: AsyncClient, job: Job, journal: Journal) -> None:
        self._client = client
        self._job = job
        self._journal = journal
        self._large = asyncio.Semaphore(LARGE_AT_ONCE)

    async def __call__(self, found: Found, bar: Bar) -> Sent:
        """Send a file, unless the server has it from an earlier run.

        Raises:
            ApiError: it was refused.
            OSError, SourceChanged: it cannot be read, or was changed meanwhile.
        """
        past = self._journal.past(found)
        if past is not None and (self._job.again or not past.same):
            await self._drop(past)
            past = None
        if past is not None and past.asset is not None:
            known = await self._still(past.asset) if found.listed else None
            if known is not None:
                return Sent(known, known=True)
            past = None
        try:
            sent = await self._send(found, past, bar)
        except ApiError:
            self._journal.forget(found)
            raise
        self._journal.note(found, idempotency="", asset=sent.id)
        return Sent(sent)

    async def _send(self, found: Found, past: Past | None, bar: Bar) -> Asset:
        idempotency = uuid.uuid4().hex if past is None else past.idempotency
        if found.size > PART_BYTES:
            async with self._large:
                return await self._parts(found, past, idempotency, bar)
        self._journal.note(found, idempotency=idempotency)
        return await self._client.submit(
            found.path,
            recipe=self._job.recipe,
            tags=self._job.tags,
            uploader=self._job.uploader,
            on_progress=bar.moved,
            idempotency_key=idempotency,
        )

    async def _parts(self, found: Found, past: Past | None, idempotency: str, bar: Bar) -> Asset:
        if past is not None and past.upload is not None:
            asset = await self._resumed(found, past.upload, bar)
            if asset is not None:
                return asset
            idempotency = uuid.uuid4().hex
        self._journal.note(found, idempotency=idempotency)
        upload = await self._client.uploads.create(
            found.path.rpartition("/")[2],
            found.size,
            recipe=self._job.recipe,
            tags=self._job.tags,
            uploader=self._job.uploader,
            idempotency_key=idempotency,
        )
        self._journal.note(found, idempotency=idempotency, upload=upload.id)
        return await self._client.uploads.resume(upload.id, found.path, on_progress=bar.moved)

    async def _resumed(self, found: Found, upload: str, bar: Bar) -> Asset | None:
        """The asset of an upload that was begun earlier; None: nothing is left of that."""
        try:
            return await self._client.uploads.resume(upload, found.path, on_progress=bar.moved)
        except ApiError as error:
            if error.code not in _OVER:
                raise
        # It may have been completed, and only the answer was lost.
        return await self._still(upload)

    async def _still(self, id: str) -> Asset | None:
        """The asset, if the server has it and keeps it."""
        try:
            asset = await self._client.get(id)
        except ApiError as error:
            if error.code not in _OVER:
                raise
            return None
        return None if asset.state is AssetState.DELETING else asset

    async def _drop(self, past: Past) -> None:
        """Give up what was begun of a file that is another one now."""
        if past.upload is not None and past.asset is None:
            with suppress(ApiError):
                await self._client.uploads.abort(past.upload)
