"""Copies inside Azure: by one request, or by blocks of ranges where the blob is large."""

from dataclasses import dataclass
from typing import Final

from mediakiln.adapters.object_store.cloud.azure.addresses import is_plain, signed, writable
from mediakiln.adapters.object_store.cloud.azure.signing import AccountKey
from mediakiln.adapters.object_store.cloud.azure.upload import (
    CONFLICT,
    CREATED,
    PRECONDITION,
    AzureUpload,
    given,
)
from mediakiln.adapters.object_store.cloud.fetching import together
from mediakiln.adapters.object_store.cloud.http import Http
from mediakiln.adapters.object_store.cloud.putting import new_mark, settle, written
from mediakiln.adapters.object_store.cloud.shelves import Shelf
from mediakiln.adapters.object_store.cloud.single import copy_through
from mediakiln.model.errors import AlreadyExists, EngineError, EngineUnavailable, ObjectMissing
from mediakiln.ports.object_store import ObjectInfo

WHOLE_BYTES: Final = 256 << 20
"""Largest blob that Azure copies by one synchronous request."""
_RANGE = 64 << 20
_PARALLEL = 4
_TURNS = 5
_ACCEPTED = 202


@dataclass(frozen=True, slots=True)
class Copy:
    """One copy, from a key of a container to another."""

    http: Http
    account: AccountKey | None
    source: tuple[Shelf, str]
    target: tuple[Shelf, str]
    if_absent: bool

    async def run(self) -> ObjectInfo:
        """Make it.

        Raises:
            AlreadyExists: `if_absent`, and the target is taken.
            ObjectMissing: there is no source.
            EngineError: the source is overwritten all the time.
        """
        shelf, key = self.source
        for _ in range(_TURNS):
            found = await shelf.look(key)
            if found is None:
                raise ObjectMissing(key=key)
            info = found[0]
            if info.size == 0 or not (is_plain(key) and is_plain(self.target[1])):
                return await copy_through(self.source, self.target, if_absent=self.if_absent)
            by = self._whole if info.size <= WHOLE_BYTES else self._blocks
            copied = await by(info)
            if copied is not None:
                return copied
        raise EngineError("The source of a copy is overwritten all the time.", key=key)

    async def _whole(self, info: ObjectInfo) -> ObjectInfo | None:
        """By one request; None if the source is another by now."""
        shelf, key = self.target
        mark = new_mark()
        headers = given(shelf, mark, if_absent=self.if_absent) | {
            "x-ms-requires-sync": "true",
            "x-ms-copy-source": await signed(*self.source, "GET"),
            "x-ms-source-if-match": f'"{info.etag}"',
        }
        try:
            answer = await self.http.send(
                "PUT",
                await writable(shelf, key, self.account),
                bucket=shelf.name,
                key=self.source[1],
                accept={CREATED, _ACCEPTED, CONFLICT, PRECONDITION},
                headers=headers,
            )
        except EngineUnavailable:
            if not self.if_absent or (settled := await settle(shelf, key, mark)) is None:
                raise
            return settled
        if answer.status_code in {CREATED, _ACCEPTED}:
            return await written(shelf, key, mark, info.size, answer.headers["etag"])
        # Which of the two conditions failed, the status does not tell.
        return await settle(shelf, key, mark) if self.if_absent else None

    async def _blocks(self, info: ObjectInfo) -> ObjectInfo | None:
        """By ranges, several at once; None if the source is another by now."""
        shelf, key = self.target
        if self.if_absent and await shelf.look(key) is not None:
            raise AlreadyExists(key=key)
        url = await writable(shelf, key, self.account)
        upload = AzureUpload(self.http, url, shelf, key, if_absent=self.if_absent)
        address = await signed(*self.source, "GET")
        starts = iter(enumerate(range(0, info.size, _RANGE), start=1))
        same = True

        async def work() -> None:
            nonlocal same
            for number, start in starts:
                span = (start, min(start + _RANGE, info.size))
                same &= await upload.copied_part(number, address, info.etag, span)

        await together([work() for _ in range(_PARALLEL)])
        return await upload.complete() if same else None
