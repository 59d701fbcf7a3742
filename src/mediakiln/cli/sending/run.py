"""Sending many files: found, sent and waited for side by side, with little in memory."""

import asyncio
import json
import sys
import threading
from collections.abc import Coroutine, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

from mediakiln.cli.sending.bars import Bar, Bars
from mediakiln.cli.sending.journal import Journal
from mediakiln.cli.sending.one import Job, Sender, Sent
from mediakiln.cli.sending.walk import Found, Unreadable, Wanted, walk
from mediakiln.client import ApiError, Asset, AsyncClient, SourceChanged
from mediakiln.client.resources.uploads import PART_BYTES
from mediakiln.model.kind import AssetState

_BATCH: Final = 256
_WAITING: Final = 1000
"""Files that are sent and not ended yet; with more, sending waits."""
_WAITERS: Final = 16


class Run:
    """One call of `submit`."""

    def __init__(
        self,
        client: AsyncClient,
        job: Job,
        journal: Journal,
        bars: Bars,
        *,
        concurrency: int,
    ) -> None:
        self._client = client
        self._job = job
        self._bars = bars
        self._send = Sender(client, job, journal)
        self._concurrency = concurrency
        self._found: asyncio.Queue[Found | Unreadable | None] = asyncio.Queue(_BATCH)
        self._sent: asyncio.Queue[tuple[Found, Sent, Bar] | None] = asyncio.Queue(_WAITING)
        self._ok = True

    async def all(self, places: Sequence[Path], wanted: Wanted) -> bool:
        """Send everything; whether all is well."""
        stop = threading.Event()
        waiters = _WAITERS if self._job.wait else 0
        try:
            await _together(
                asyncio.to_thread(_count, places, wanted, self._bars, stop),
                self._find(walk(places, wanted)),
                self._senders(waiters),
                *(self._wait() for _ in range(waiters)),
            )
        finally:
            stop.set()
        return self._ok

    async def _find(self, files: Iterator[Found | Unreadable]) -> None:
        while batch := await asyncio.to_thread(list, islice(files, _BATCH)):
            for found in batch:
                await self._found.put(found)
        for _ in range(self._concurrency):
            await self._found.put(None)

    async def _senders(self, waiters: int) -> None:
        await _together(*(self._sender() for _ in range(self._concurrency)))
        for _ in range(waiters):
            await self._sent.put(None)

    async def _sender(self) -> None:
        while (found := await self._found.get()) is not None:
            if isinstance(found, Unreadable):
                self._failed(found.path, 0, "unreadable", found.message)
                continue
            with self._bars.file(found, large=found.size > PART_BYTES) as bar:
                await self._one(found, bar)

    async def _one(self, found: Found, bar: Bar) -> None:
        try:
            sent = await self._send(found, bar)
        except (ApiError, SourceChanged, OSError) as error:
            code, message = _why(error)
            bar.say(f"[red]{code}")
            self._failed(found.path, found.size, code, message)
            return
        bar.moved(found.size, found.size)
        if self._job.wait and not sent.asset.settled:
            bar.say("processing")
            await self._sent.put((found, sent, bar))
        else:
            self._end(found, sent, bar)

    async def _wait(self) -> None:
        while (item := await self._sent.get()) is not None:
            found, sent, bar = item
            try:
                asset = await self._client.wait(sent.asset)
            except ApiError as error:
                code, message = _why(error)
                self._failed(found.path, found.size, code, message)
                continue
            self._end(found, Sent(asset, known=sent.known), bar)

    def _end(self, found: Found, sent: Sent, bar: Bar) -> None:
        ok = not self._job.wait or sent.asset.state is AssetState.READY
        self._ok = self._ok and ok
        bar.say(str(sent.asset.state))
        self._bars.ended(found.size, ok=ok, known=sent.known)
        _tell(found.path, sent, self._job)

    def _failed(self, path: str, size: int, code: str, message: str) -> None:
        self._ok = False
        self._bars.ended(size, ok=False)
        if self._job.as_json:
            answer = {"file": path, "error": {"code": code, "message": message}}
            print(json.dumps(answer), flush=True)
        else:
            print(f"{path}: {message}", file=sys.stderr)


async def _together(*works: Coroutine[Any, Any, None]) -> None:
    """Do all; the first that fails ends the others."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


def _count(places: Sequence[Path], wanted: Wanted, bars: Bars, stop: threading.Event) -> None:
    """Go through the folders once ahead of the senders, only to know how much there is."""
    files = size = 0
    for found in walk(places, wanted):
        if stop.is_set():
            return
        files += 1
        size += found.size if isinstance(found, Found) else 0
    bars.total(files, size)


def _why(error: ApiError | SourceChanged | OSError) -> tuple[str, str]:
    if isinstance(error, ApiError):
        return error.code, str(error)
    return ("source_changed" if isinstance(error, SourceChanged) else "unreadable"), str(error)


def _tell(path: str, sent: Sent, job: Job) -> None:
    asset: Asset = sent.asset
    if job.as_json:
        answer = {"file": path, "known": sent.known, **asset.model_dump(mode="json")}
        print(json.dumps(answer), flush=True)
        return
    print(f"{asset.id} {asset.state} {path}", flush=True)
    if asset.error:
        print(f"{path}: {asset.error.code}: {asset.error.message}", file=sys.stderr)
