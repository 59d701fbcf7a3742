"""The client for ordinary Python."""

import time
from collections.abc import Iterator, Sequence
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


class Client:
    """Talks to a mediakiln server. Safe to share between threads.

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
        self._http = httpx2.Client(**settings.arguments())

    def submit(
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
                return self._upload(call, source, on_progress)
            except httpx2.TransportError as error:
                pause = self._retry.after_error(error, attempt, repeatable=False)
                if pause is None or not source.repeatable:
                    raise
                time.sleep(pause)

    def get(self, id: str) -> Asset:
        """One asset, as it is now."""
        return self._call(calls.get(id))

    def list(self, *, state: str | None = None, kind: str | None = None) -> Iterator[Asset]:
        """Assets, newest first; pages are fetched as they are needed."""
        cursor: str | None = None
        while True:
            page = self._call(calls.page(state=state, kind=kind, cursor=cursor))
            yield from page.assets
            cursor = page.cursor
            if cursor is None:
                return

    def wait(self, asset: Asset | str, timeout: float | None = None) -> Asset:
        """The asset once its run has ended, whatever the end.

        Raises:
            TimeoutError: it did not end within `timeout` seconds.
        """
        id, deadline = _id(asset), Deadline(timeout)
        while True:
            latest = self._call(calls.get(id, wait=deadline.poll()))
            if latest.settled:
                return latest
            deadline.check(latest)
            time.sleep(deadline.pause())

    def watch(self, asset: Asset | str) -> Iterator[Asset]:
        """The asset now and at every change, until its run has ended."""
        id, attempt = _id(asset), 0
        while True:
            try:
                for latest in self._events(id):
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
            time.sleep(pause)

    def download(self, what: Asset | Product | str, to: Target) -> Path | None:
        """Save an asset's original, a product, or what a download address leads to.

        `to` is a file's path, a folder, or a file open for writing. Returns the path, if any.

        Raises:
            DownloadDamaged: the bytes do not match the checksum; nothing is kept.
        """
        with self._http.stream("GET", calls.download_path(what)) as response:
            if not response.is_success:
                response.read()
                raise api_error(response)
            disposition = response.headers.get("content-disposition", "")
            with receiving(to, disposition, calls.checksum_of(what)) as sink:
                for chunk in response.iter_bytes(CHUNK):
                    sink.write(chunk)
            return sink.path

    def process(self, asset: Asset | str, recipe: Recipe | None = None) -> Asset:
        """Start another run, perhaps with another recipe; only missing products are made."""
        return self._call(calls.process(_id(asset), recipe))

    def delete(self, asset: Asset | str) -> Asset:
        """Hide an asset at once; the server deletes its bytes after a grace."""
        return self._call(calls.delete(_id(asset)))

    def restore(self, asset: Asset | str) -> int:
        """Bring missing products back from the archive; the answer is how many files came."""
        return self._call(calls.restore(_id(asset)))

    def operations(self) -> Sequence[dict[str, Any]]:
        """The installed operations, with their parameters as JSON Schema."""
        return self._call(calls.operations())

    def recipes(self) -> Sequence[dict[str, Any]]:
        """The presets."""
        return self._call(calls.recipes())

    def dead_letters(self) -> Iterator[DeadLetter]:
        """Messages nobody could handle, oldest first."""
        cursor: str | None = None
        while True:
            page = self._call(calls.dead_page(cursor))
            yield from page.letters
            cursor = page.cursor
            if cursor is None:
                return

    def dead_letter(self, id: str) -> DeadLetter:
        """One dead letter."""
        return self._call(calls.dead(id))

    def replay(self, id: str) -> DeadLetter:
        """Send a dead letter's message again, and drop the letter."""
        return self._call(calls.replay(id))

    def drop(self, id: str) -> DeadLetter:
        """Forget a dead letter for good."""
        return self._call(calls.drop(id))

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _call(self, call: Call[T]) -> T:
        attempt = 0
        while True:
            attempt += 1
            try:
                response = self._http.request(**request_of(call))
                pause = self._retry.after_answer(response, attempt, repeatable=call.repeatable)
                if pause is None:
                    return read(call, response)
            except httpx2.TransportError as error:
                pause = self._retry.after_error(error, attempt, repeatable=call.repeatable)
                if pause is None:
                    raise
            time.sleep(pause)

    def _events(self, id: str) -> Iterator[Asset]:
        with self._http.stream("GET", calls.events_path(id)) as response:
            if not response.is_success:
                response.read()
                raise api_error(response)
            for event in httpx2.EventSource(response, max_event_size=MAX_EVENT_BYTES):
                yield Asset.model_validate_json(event.data)

    def _upload(self, call: Call[Asset], source: Source, progress: Progress | None) -> Asset:
        with source.reader() as file:
            content = pieces(file, source.size, progress)
            return read(call, self._http.request(**request_of(call), content=content))


def _id(asset: Asset | str) -> str:
    return asset if isinstance(asset, str) else asset.id
