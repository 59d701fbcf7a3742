"""What both clients share: requests as values, and work of several requests as generators.

A flow yields what it wants done (a `Call`, a `Pause`, several flows `Together`) and is sent the
outcome. Whoever drives it decides how: `blocking` with threads, `awaiting` on an event loop.
Nothing here does any input or output, so every sequence of requests is written once.
"""

import uuid
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeAlias, TypeVar
from urllib.parse import quote

import httpx2

from mediakiln.client.errors import api_error
from mediakiln.client.retry import Retry

T = TypeVar("T")
IDEMPOTENCY: Final = "Idempotency-Key"


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request, and how to read its answer.

    Attributes:
        body: sent as JSON, if not None.
        content: makes the body's bytes, anew for each try.
        length: how many bytes `content` has, where that is known.
        repeatable: the server may get it twice and change nothing more.
    """

    method: str
    path: str
    decode: Callable[[Any], T]
    params: Mapping[str, str | int | float | list[str]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    content: Callable[[], Iterator[bytes]] | None = None
    length: int | None = None
    repeatable: bool = True


@dataclass(frozen=True, slots=True)
class Exchange:
    """One try of a call; the outcome is the bare answer."""

    call: Call[Any]


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing for so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Together:
    """Several flows at once, at most `limit`; the next is taken when one has ended.

    The first that fails ends the others, and its error is the outcome: no more are begun, and
    `give_up` is called for those that cannot be ended from outside.
    """

    flows: Iterable["Flow[None]"]
    limit: int
    give_up: Callable[[], None]


Flow: TypeAlias = Generator[Call[Any] | Exchange | Pause | Together, Any, T]
Work: TypeAlias = Call[T] | Flow[T]


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some of many, and where the next ones begin; None: there are no more."""

    items: Sequence[T]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class Pages(Generic[T]):
    """A list that comes in pages: `page` asks for the one at a cursor."""

    page: Callable[[str | None], Call[Page[T]]]


@dataclass(frozen=True, slots=True)
class Stream(Generic[T]):
    """Events at a path, and how to read each.

    Attributes:
        after: the id of the event that was heard last.
        final: whether nothing that matters comes behind this one; by default it goes on for ever.
    """

    path: str
    decode: Callable[[httpx2.ServerSentEvent], T]
    params: Mapping[str, Any] = field(default_factory=dict)
    after: str = ""
    final: Callable[[T], bool] = lambda _: False


def ask(call: Call[T]) -> Flow[T]:
    """Send a call, with retries; for `yield from`."""
    answer: T = yield call
    return answer


def every(pages: Pages[T]) -> Flow[list[T]]:
    """All items of a list."""
    found: list[T] = []
    cursor: str | None = None
    while True:
        page = yield from ask(pages.page(cursor))
        found += page.items
        cursor = page.cursor
        if cursor is None:
            return found


def paged(path: str, name: str, decode: Callable[[Any], T], **params: Any) -> Pages[T]:
    """The list at a path, whose items stand in the answer's member `name`."""

    def items(answer: Any) -> Page[T]:
        return Page([decode(item) for item in answer[name]], answer.get("cursor"))

    def page(cursor: str | None) -> Call[Page[T]]:
        return Call("GET", path, items, params=given(cursor=cursor, **params))

    return Pages(page)


def sent(call: Call[T], retry: Retry) -> Flow[T]:
    """Send a call, again where that may help.

    Raises:
        ApiError: the server refused for good.
        httpx2.TransportError: it could not be reached.
    """
    attempt = 0
    while True:
        attempt += 1
        try:
            response: httpx2.Response = yield Exchange(call)
        except httpx2.TransportError as error:
            pause = retry.after_error(error, attempt, repeatable=call.repeatable)
            if pause is None:
                raise
        else:
            pause = retry.after_answer(response, attempt, repeatable=call.repeatable)
            if pause is None and (place := _kept_at(response)) is not None:
                call, attempt, pause = Call("GET", place, call.decode), 0, 0.0
            elif pause is None:
                return read(call, response)
        yield Pause(pause)


def _kept_at(response: httpx2.Response) -> str | None:
    """Where to look for an answer that was given before and was too long to be kept."""
    replayed = response.is_success and response.headers.get("idempotency-replayed") == "true"
    if not replayed or response.content:
        return None
    _, found, rest = response.headers.get("location", "").partition("/v1/")
    return f"/v1/{rest}" if found else None


def read(call: Call[T], response: httpx2.Response) -> T:
    """The answer, decoded.

    Raises:
        ApiError: the server refused.
    """
    if not response.is_success:
        raise api_error(response)
    return call.decode(response.json() if response.content else None)


def once(key: str | None = None) -> dict[str, str]:
    """The header by which the server knows a creating call that it has served before."""
    return {IDEMPOTENCY: key or uuid.uuid4().hex}


def given(**values: Any) -> dict[str, Any]:
    """Those that were given: None means it was not."""
    return {name: value for name, value in values.items() if value is not None}


def part(id: str) -> str:
    """An id as a part of a path."""
    return quote(id, safe="")


def nothing(_answer: Any) -> None:
    """An answer that says nothing more."""
