"""Storing an object by one request, with a condition whose outcome is always known.

Every object carries a mark of its writer in its metadata. When an answer is lost, the request may
have been carried out; when it was sent again, it is then refused because of itself. Whose mark
the object bears tells who won.
"""

import asyncio
import random
import uuid
from datetime import UTC, datetime
from typing import Protocol

import obstore

from mediakiln.adapters.object_store.cloud.failures import CONFLICT_STATUS, translated
from mediakiln.adapters.object_store.cloud.shelves import MARK, Shelf
from mediakiln.model.errors import AlreadyExists, EngineUnavailable, MediakilnError
from mediakiln.ports.object_store import ObjectInfo

_TURNS = 5
_PAUSE_S = 0.05


def new_mark() -> str:
    """A mark that nobody else has."""
    return uuid.uuid4().hex


class Send(Protocol):
    """One request that stores an object, and gives its etag."""

    async def __call__(
        self, shelf: Shelf, key: str, data: bytes, *, mark: str, if_absent: bool
    ) -> str:
        """Send it.

        Raises:
            AlreadyExists: `if_absent`, and the provider says that the key is taken.
        """
        ...


async def by_obstore(shelf: Shelf, key: str, data: bytes, *, mark: str, if_absent: bool) -> str:
    """Store an object by obstore."""
    with translated(shelf.name, key):
        result = await obstore.put_async(
            shelf.client,
            key,
            data,
            attributes=attributes(shelf, mark),
            tags=dict(shelf.tags) or None,
            mode="create" if if_absent else "overwrite",
            use_multipart=False,
        )
    return result["e_tag"] or ""


async def put_whole(
    shelf: Shelf, key: str, data: bytes, *, if_absent: bool, send: Send = by_obstore
) -> ObjectInfo:
    """Store bytes whole.

    Raises:
        AlreadyExists: `if_absent` and the key is taken.
    """
    mark = new_mark()
    for turn in range(_TURNS):
        try:
            etag = await send(shelf, key, data, mark=mark, if_absent=if_absent)
        except (AlreadyExists, EngineUnavailable) as failure:
            if if_absent and (info := await settle(shelf, key, mark)) is not None:
                return info
            if isinstance(failure, EngineUnavailable) and not _may_help(failure, if_absent):
                raise
            await asyncio.sleep(_PAUSE_S * 2**turn * random.random())  # noqa: S311 - no secret
        else:
            return await written(shelf, key, mark, len(data), etag)
    raise EngineUnavailable("The object store did not take the object.", key=key)


async def settle(shelf: Shelf, key: str, mark: str) -> ObjectInfo | None:
    """What became of a conditional write that failed: the object if it is ours, None if none is.

    Raises:
        AlreadyExists: the key is somebody else's.
    """
    found = await shelf.look(key)
    if found is None:
        return None
    info, owner = found
    if owner != mark:
        raise AlreadyExists(key=key)
    return info


async def settle_or(
    failure: MediakilnError, shelf: Shelf, key: str, mark: str, *, if_absent: bool
) -> ObjectInfo:
    """The object, if the write that failed took effect after all.

    Raises:
        MediakilnError: `failure`: it did not.
        AlreadyExists: it did not; `if_absent`, and the key is somebody else's.
    """
    try:
        info = await settle(shelf, key, mark)
    except AlreadyExists:
        if if_absent:
            raise
        raise failure from None
    if info is None:
        raise failure
    return info


async def written(shelf: Shelf, key: str, mark: str, size: int, etag: str) -> ObjectInfo:
    """What is known of an object that was just written, even if it was replaced since."""
    found = await shelf.look(key)
    if found is not None and found[1] == mark:
        return found[0]
    now = datetime.now(UTC).replace(microsecond=0)
    return ObjectInfo(key=key, size=size, etag=etag.strip('"'), modified=now)


def attributes(shelf: Shelf, mark: str) -> dict[str, str]:
    """What obstore is to say about a new object."""
    made = {MARK: mark}
    if shelf.storage_class:
        made["Storage-Class"] = shelf.storage_class
    return made


def _may_help(failure: EngineUnavailable, if_absent: bool) -> bool:
    """Whether to send a request again that obstore gave up: it does not repeat conditional ones."""
    status = failure.context.get("status")
    return status == CONFLICT_STATUS or (if_absent and not status)
