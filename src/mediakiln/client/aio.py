"""The client for asyncio."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx2

from mediakiln.client import calls
from mediakiln.client.calls import Call, Recipe
from mediakiln.client.content import CHUNK, Progress, Source, Target, Upload, pieces, receiving
from mediakiln.client.errors import api_error
from mediakiln.client.models import Asset, DeadLetter, Product
from mediakiln.client.retry import Retry
from mediakiln.client.shared import (
    DEFAULT_URL,
    MAX_EVENT_BYTES,
    REJOIN_S,
    Deadline,
    Settings,
    read,
    request_of,
)

T = TypeVar("T")


class AsyncClient:
    """Talks to a mediakiln server. Safe to share between tasks of one loop.

    Args:
        url: `http://host:port`, or with the key inside: `http://:KEY@host:port`.
        key: the owner's key.
        retry: when calls that change nothing twice are tried again.

    Every method raises `ApiError` when the server refuses, and `httpx2.TransportError` when it
    cannot be reached.
    """

    def __init__(
        self, url: str = DEFAULT_URL, key: str | None = None, *, retry: Retry | None = None
    ) -> None:
        settings = Settings(url, key, retry)
        self._retry = settings.retry
        self._http = httpx2.AsyncClient(**settings.arguments())

    async def submit(
        self,
        what: Upload,
        *,
        name: str | None = None,
        recipe: Recipe | None = None,
        tags: Sequence[str] = (),
        uploader: str | None = None,
        on_progress: Progress | None = None,
    ) -> Asset:
        """Upload a file: a path, bytes, or a file open for reading.

        `recipe` is a preset's name or a recipe; without one the kind's default runs.
        """
        source = Source.of(what, name)
        call = calls.upload(
            source.name, size=source.size, recipe=recipe, tags=tags, uploader=uploader
        )
        attempt = 0
        while True:
            attempt += 1
            try:
                return await self._upload(call, source, on_progress)
            except httpx2.TransportError as error:
                pause = self._retry.after_error(error, attempt, repeatable=False)
                if pause is None or not source.repeatable:
                    raise
                await asyncio.sleep(pause)

    async def get(self, id: str) -> Asset:
        """One asset, as it is now."""
        return await self._call(calls.get(id))

    async def list(
        self, *, state: str | None = None, kind: str | None = None
    ) -> AsyncIterator[Asset]:
        """Assets, newest first; pages are fetched as they are needed."""
        cursor: str | None = None
        while True:
            page = await self._call(calls.page(state=state, kind=kind, cursor=cursor))
            for asset in page.assets:
                yield asset
            cursor = page.cursor
            if cursor is None:
                return

    async def wait(self, asset: Asset | str, timeout: float | None = None) -> Asset:
        """The asset once its run has ended, whatever the end.

        Raises:
            TimeoutError: it did not end within `timeout` seconds.
        """
        id, deadline = _id(asset), Deadline(timeout)
        while True:
            latest = await self._call(calls.get(id, wait=deadline.poll()))
            if latest.settled:
                return latest
            deadline.check(latest)
            await asyncio.sleep(deadline.pause())

    async def watch(self, asset: Asset | str) -> AsyncIterator[Asset]:
        """The asset now and at every change, until its run has ended."""
        id, attempt = _id(asset), 0
        while True:
            try:
                async for latest in self._events(id):
                    attempt = 0
                    yield latest
                    if latest.settled:
                        return
            except httpx2.TransportError as error:
                attempt += 1
                pause = self._retry.after_error(error, attempt, repeatable=True)
                if pause is None:
                    raise
            else:
                pause = REJOIN_S  # the server stops, or is being replaced
            await asyncio.sleep(pause)

    async def download(self, what: Asset | Product | str, to: Target) -> Path | None:
        """Save an asset's original, a product, or what a download address leads to.

        `to` is a file's path, a folder, or a file open for writing. Returns the path, if any.

        Raises:
            DownloadDamaged: the bytes do not match the checksum; nothing is kept.
        """
        async with self._http.stream("GET", calls.download_path(what)) as response:
            if not response.is_success:
                await response.aread()
                raise api_error(response)
            disposition = response.headers.get("content-disposition", "")
            with receiving(to, disposition, calls.checksum_of(what)) as sink:
                async for chunk in response.aiter_bytes(CHUNK):
                    await asyncio.to_thread(sink.write, chunk)
            return sink.path

    async def process(self, asset: Asset | str, recipe: Recipe | None = None) -> Asset:
        """Start another run, perhaps with another recipe; only missing products are made."""
        return await self._call(calls.process(_id(asset), recipe))

    async def delete(self, asset: Asset | str) -> Asset:
        """Hide an asset at once; the server deletes its bytes after a grace."""
        return await self._call(calls.delete(_id(asset)))

    async def restore(self, asset: Asset | str) -> int:
        """Bring missing products back from the archive; the answer is how many files came."""
        return await self._call(calls.restore(_id(asset)))

    async def operations(self) -> Sequence[dict[str, Any]]:
        """The installed operations, with their parameters as JSON Schema."""
        return await self._call(calls.operations())

    async def recipes(self) -> Sequence[dict[str, Any]]:
        """The presets."""
        return await self._call(calls.recipes())

    async def dead_letters(self) -> AsyncIterator[DeadLetter]:
        """Messages nobody could handle, oldest first."""
        cursor: str | None = None
        while True:
            page = await self._call(calls.dead_page(cursor))
            for letter in page.letters:
                yield letter
            cursor = page.cursor
            if cursor is None:
                return

    async def dead_letter(self, id: str) -> DeadLetter:
        """One dead letter."""
        return await self._call(calls.dead(id))

    async def replay(self, id: str) -> DeadLetter:
        """Send a dead letter's message again, and drop the letter."""
        return await self._call(calls.replay(id))

    async def drop(self, id: str) -> DeadLetter:
        """Forget a dead letter for good."""
        return await self._call(calls.drop(id))

    async def aclose(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def _call(self, call: Call[T]) -> T:
        attempt = 0
        while True:
            attempt += 1
            try:
                response = await self._http.request(**request_of(call))
                pause = self._retry.after_answer(response, attempt, repeatable=call.repeatable)
                if pause is None:
                    return read(call, response)
            except httpx2.TransportError as error:
                pause = self._retry.after_error(error, attempt, repeatable=call.repeatable)
                if pause is None:
                    raise
            await asyncio.sleep(pause)

    async def _events(self, id: str) -> AsyncIterator[Asset]:
        async with self._http.stream("GET", calls.events_path(id)) as response:
            if not response.is_success:
                await response.aread()
                raise api_error(response)
            async for event in httpx2.EventSource(response, max_event_size=MAX_EVENT_BYTES):
                yield Asset.model_validate_json(event.data)

    async def _upload(self, call: Call[Asset], source: Source, progress: Progress | None) -> Asset:
        with source.reader() as file:
            content = _away(pieces(file, source.size, progress))
            return read(call, await self._http.request(**request_of(call), content=content))


async def _away(found: Iterator[bytes]) -> AsyncIterator[bytes]:
    """The pieces, each read in a thread: a slow disk must not hold the loop up."""
    while (piece := await asyncio.to_thread(next, found, None)) is not None:
        yield piece


def _id(asset: Asset | str) -> str:
    return asset if isinstance(asset, str) else asset.id
