"""Does what calls and flows want, with threads for what happens at once."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
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


class Blocking:
    """The connections of one client. Safe to share between threads."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.http = httpx2.Client(**settings.arguments())

    def run(self, work: Work[T]) -> T:
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
                answer, error = self._do(wanted), None
            except BaseException as caught:  # noqa: BLE001 - the flow's to handle
                error = caught

    def pages(self, pages: Pages[T]) -> Iterator[T]:
        """The items of a list; a page is fetched when it is needed."""
        cursor: str | None = None
        while True:
            page = self.run(pages.page(cursor))
            yield from page.items
            cursor = page.cursor
            if cursor is None:
                return

    def save(self, path: str, to: Target, checksum: str | None) -> Path | None:
        """What is at a path, into `to`; tried again like a call, but for what is written already.

        Raises:
            DownloadDamaged: the bytes do not match the checksum.
        """
        retry, attempt, kept = self.settings.retry, 0, False
        while True:
            attempt += 1
            try:
                with self.http.stream("GET", path) as response:
                    if response.is_success:
                        with receiving(to, named_by(response), checksum) as sink:
                            for chunk in response.iter_bytes(CHUNK):
                                kept = sink.path is None
                                sink.write(chunk)
                        return sink.path
                    response.read()
                pause = retry.after_answer(response, attempt, repeatable=True)
                if pause is None:
                    raise api_error(response)
            except httpx2.TransportError as error:
                pause = retry.after_error(error, attempt, repeatable=not kept)
                if pause is None:
                    raise
            time.sleep(pause)

    def events(self, stream: Stream[T]) -> Iterator[T]:
        """A stream's events; when it breaks or ends, it is joined again behind the last one."""
        attempt, last = 0, stream.after
        while True:
            try:
                for event in self._events(stream, last):
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
            time.sleep(pause)

    def _events(self, stream: Stream[Any], last: str) -> Iterator[httpx2.ServerSentEvent]:
        headers = {"Last-Event-ID": last} if last else {}
        with self.http.stream(
            "GET", stream.path, params=stream.params, headers=headers
        ) as response:
            if not response.is_success:
                response.read()
                raise api_error(response)
            yield from httpx2.EventSource(response, max_event_size=MAX_EVENT_BYTES)

    def _do(self, wanted: Call[Any] | Exchange | Pause | Together) -> Any:
        match wanted:
            case Call():
                return self.run(wanted)
            case Exchange(call):
                content = call.content() if call.content is not None else None
                return self.http.request(**self.settings.request(call), content=content)
            case Pause(seconds):
                return time.sleep(seconds)
            case Together():
                return self._together(wanted)
            case _:
                assert_never(wanted)

    def _together(self, wanted: Together) -> None:
        running: set[Future[None]] = set()
        with ThreadPoolExecutor(wanted.limit) as pool:
            flows = iter(wanted.flows)
            try:
                for flow in flows:
                    running.add(pool.submit(self.run, flow))
                    if len(running) >= wanted.limit:
                        running = _ended(running)
                while running:
                    running = _ended(running)
            except BaseException:
                wanted.give_up()
                pool.shutdown(wait=False, cancel_futures=True)
                raise


def _ended(running: set[Future[None]]) -> set[Future[None]]:
    """Wait for one; those that still run. Raises what it raised."""
    done, left = wait(running, return_when=FIRST_COMPLETED)
    for future in done:
        future.result()
    return left


class Resource:
    """Some of what a server can be asked."""

    def __init__(self, driver: Blocking) -> None:
        self._driver = driver


def here(describe: Callable[P, Work[T]]) -> Callable[Concatenate[Resource, P], T]:
    """The method that does what `describe` describes."""

    @wraps(describe)
    def method(self: Resource, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._driver.run(describe(*args, **kwargs))

    return method


def listed(describe: Callable[P, Pages[T]]) -> Callable[Concatenate[Resource, P], Iterator[T]]:
    """The method that goes through the list that `describe` describes."""

    @wraps(describe)
    def method(self: Resource, /, *args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        yield from self._driver.pages(describe(*args, **kwargs))

    return method


def heard(describe: Callable[P, Stream[T]]) -> Callable[Concatenate[Resource, P], Iterator[T]]:
    """The method that listens to the stream that `describe` describes."""

    @wraps(describe)
    def method(self: Resource, /, *args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        return self._driver.events(describe(*args, **kwargs))

    return method
