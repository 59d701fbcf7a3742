"""Does what calls and flows want, on an event loop."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator
from contextlib import aclosing
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar, assert_never

import httpx2

from mediakiln.client.call import Call, Exchange, Pages, Pause, Stream, Together, Work, sent
from mediakiln.client.content import CHUNK
from mediakiln.client.errors import api_error
from mediakiln.client.settings import MAX_EVENT_BYTES, REJOIN_S, Settings
from mediakiln.client.sink import Target, named_by, receiving

P = ParamSpec("P")
T = TypeVar("T")


class Awaiting:
    """The connections of one client. Safe to share between tasks of one loop."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.http = httpx2.AsyncClient(**settings.arguments())

    async def run(self, work: Work[T]) -> T:
        """The outcome of a call or of a flow."""
        if isinstance(work, Call):
            work = sent(work, self.settings.retry)
        answer: Any = None
        error: BaseException | None = None
        while True:
            try:
                wanted = work.send(answer) if error is None else work.throw(error)
            except StopIteration as end:
                outcome: T = end.value
                return outcome
            try:
                answer, error = await self._do(wanted), None
            except BaseException as caught:  # noqa: BLE001 - the flow's to handle
                error = caught

    async def pages(self, pages: Pages[T]) -> AsyncIterator[T]:
        """The items of a list; a page is fetched when it is needed."""
        cursor: str | None = None
        while True:
            page = await self.run(pages.page(cursor))
            for item in page.items:
                yield item
            cursor = page.cursor
            if cursor is None:
                return

    async def save(self, path: str, to: Target, checksum: str | None) -> Path | None:
        """What is at a path, into `to`; tried again like a call, but for what is written already.

        Raises:
            DownloadDamaged: the bytes do not match the checksum.
        """
        retry, attempt, kept = self.settings.retry, 0, False
        while True:
            attempt += 1
            try:
                async with self.http.stream("GET", path) as response:
                    if response.is_success:
                        with receiving(to, named_by(response), checksum) as sink:
                            async for chunk in response.aiter_bytes(CHUNK):
                                kept = sink.path is None
                                await asyncio.to_thread(sink.write, chunk)
                        return sink.path
                    await response.aread()
                pause = retry.after_answer(response, attempt, repeatable=True)
                if pause is None:
                    raise api_error(response)
            except httpx2.TransportError as error:
                pause = retry.after_error(error, attempt, repeatable=not kept)
                if pause is None:
                    raise
            await asyncio.sleep(pause)

    async def events(self, stream: Stream[T]) -> AsyncGenerator[T, None]:
        """A stream's events; when it breaks or ends, it is joined again behind the last one."""
        attempt, last = 0, stream.after
        while True:
            try:
                async with aclosing(self._events(stream, last)) as events:
                    async for event in events:
                        attempt, last = 0, event.id or last
                        item = stream.decode(event)
                        yield item
                        if stream.final(item):
                            return
            except httpx2.TransportError as error:
                attempt += 1
                pause = self.settings.retry.after_error(error, attempt, repeatable=True)
                if pause is None:
                    raise
            else:
                pause = REJOIN_S  # the server stops, or is being replaced
            await asyncio.sleep(pause)

    async def _events(
        self, stream: Stream[Any], last: str
    ) -> AsyncGenerator[httpx2.ServerSentEvent, None]:
        headers = {"Last-Event-ID": last} if last else {}
        async with self.http.stream(
            "GET", stream.path, params=stream.params, headers=headers
        ) as response:
            if not response.is_success:
                await response.aread()
                raise api_error(response)
            async for event in httpx2.EventSource(response, max_event_size=MAX_EVENT_BYTES):
                yield event

    async def _do(self, wanted: Call[Any] | Exchange | Pause | Together) -> Any:
        match wanted:
            case Call():
                return await self.run(wanted)
            case Exchange(call):
                content = await _content(call)
                return await self.http.request(**self.settings.request(call), content=content)
            case Pause(seconds):
                return await asyncio.sleep(seconds)
            case Together():
                return await self._together(wanted)
            case _:
                assert_never(wanted)

    async def _together(self, wanted: Together) -> None:
        running: set[asyncio.Task[None]] = set()
        try:
            for flow in wanted.flows:
                running.add(asyncio.create_task(self.run(flow)))
                if len(running) >= wanted.limit:
                    running = await _ended(running)
            while running:
                running = await _ended(running)
        except BaseException:
            wanted.give_up()
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            raise


async def _ended(running: set[asyncio.Task[None]]) -> set[asyncio.Task[None]]:
    """Wait for one; those that still run. Raises what it raised."""
    done, left = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()
    return left


async def _content(call: Call[Any]) -> bytes | AsyncIterator[bytes] | None:
    """The body of one try; what is small comes whole, for one thread hop instead of two."""
    if call.content is None:
        return None
    if call.length is not None and call.length <= CHUNK:
        return await asyncio.to_thread(b"".join, call.content())
    return _away(call.content())


async def _away(found: Iterator[bytes]) -> AsyncIterator[bytes]:
    """The pieces, each read in a thread: a slow disk must not hold the loop up."""
    while (piece := await asyncio.to_thread(next, found, None)) is not None:
        yield piece


class AsyncResource:
    """Some of what a server can be asked."""

    def __init__(self, driver: Awaiting) -> None:
        self._driver = driver


def there(
    describe: Callable[P, Work[T]],
) -> Callable[Concatenate[AsyncResource, P], Coroutine[Any, Any, T]]:
    """The method that does what `describe` describes."""

    @wraps(describe)
    async def method(self: AsyncResource, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._driver.run(describe(*args, **kwargs))

    return method


def listed(
    describe: Callable[P, Pages[T]],
) -> Callable[Concatenate[AsyncResource, P], AsyncIterator[T]]:
    """The method that goes through the list that `describe` describes."""

    @wraps(describe)
    async def method(self: AsyncResource, /, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[T]:
        async for item in self._driver.pages(describe(*args, **kwargs)):
            yield item

    return method


def heard(
    describe: Callable[P, Stream[T]],
) -> Callable[Concatenate[AsyncResource, P], AsyncIterator[T]]:
    """The method that listens to the stream that `describe` describes."""

    @wraps(describe)
    def method(self: AsyncResource, /, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[T]:
        return self._driver.events(describe(*args, **kwargs))

    return method
