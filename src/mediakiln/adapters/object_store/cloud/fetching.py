"""Reading a cloud object into a file: ranges in parallel, all of the same bytes."""

import asyncio
import os
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

import obstore
from obstore.exceptions import PreconditionError

from mediakiln.adapters.object_store.cloud.failures import translated
from mediakiln.adapters.object_store.cloud.shelves import Shelf
from mediakiln.adapters.object_store.threads import Threads
from mediakiln.model.errors import EngineError

if TYPE_CHECKING:
    from obstore import ObjectMeta  # exists in the stubs only

_RANGE = 8 << 20
_PARALLEL = 4
_TURNS = 5


class _Overwritten(Exception):
    """The object is not the one any more whose reading was begun."""


async def fetch(shelf: Shelf, key: str, descriptor: int, threads: Threads) -> None:
    """Write an object's bytes to an empty file.

    Every range asks for the same etag. An object that is overwritten meanwhile is read again from
    its beginning, up to five times.

    Raises:
        ObjectMissing: there is no such object.
        EngineError: it is overwritten faster than it can be read.
    """
    for _ in range(_TURNS):
        with translated(shelf.name, key):
            meta = await obstore.head_async(shelf.client, key)
        try:
            await _fetch_pinned(shelf, meta, descriptor, threads)
        except _Overwritten:
            await threads.run(os.ftruncate, descriptor, 0)
        else:
            return
    raise EngineError("The object is overwritten all the time.", key=key)


async def _fetch_pinned(
    shelf: Shelf, meta: "ObjectMeta", descriptor: int, threads: Threads
) -> None:
    size = meta["size"]
    starts = iter(range(0, size, _RANGE))

    async def work() -> None:
        for start in starts:
            data = await _range(shelf, meta, start, min(start + _RANGE, size))
            await threads.run(_write_at, descriptor, data, start)

    await together([work() for _ in range(min(_PARALLEL, -(-size // _RANGE)))])


async def _range(shelf: Shelf, meta: "ObjectMeta", start: int, end: int) -> "obstore.Bytes":
    with translated(shelf.name, meta["path"]):
        try:
            result = await obstore.get_async(
                shelf.client,
                meta["path"],
                options={"range": (start, end), "if_match": meta["e_tag"]},
            )
            return await result.bytes_async()
        except PreconditionError as error:
            raise _Overwritten from error


async def together(works: "list[Coroutine[Any, Any, None]]") -> None:
    """Do all at once. The first failure ends the others and is told, when none is at work."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        for task in asyncio.as_completed(tasks):
            await task
    finally:
        for each in tasks:
            each.cancel()
        if tasks:
            await asyncio.wait(tasks)


def _write_at(descriptor: int, data: "obstore.Bytes", position: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, position)
        view, position = view[written:], position + written
