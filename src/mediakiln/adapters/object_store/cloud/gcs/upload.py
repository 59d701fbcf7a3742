"""Resumable uploads on Google Cloud Storage, which make an object under a condition at their end.

A session that is never ended is invisible, and Google forgets it after a week.
"""

from urllib.parse import quote

from mediakiln.adapters.object_store.cloud.gcs.api import (
    CANCELLED,
    OK,
    PRECONDITION,
    GcsApi,
    resource,
)
from mediakiln.adapters.object_store.cloud.putting import new_mark, settle_or, written
from mediakiln.adapters.object_store.cloud.shelves import Shelf
from mediakiln.model.errors import EngineUnavailable
from mediakiln.ports.object_store import ObjectInfo

_INCOMPLETE = 308


class GcsUpload:
    """One session. Its parts go one after the other, and the last only at the end."""

    parallel = 1

    def __init__(self, api: GcsApi, shelf: Shelf, key: str, *, if_absent: bool) -> None:
        self._api = api
        self._shelf = shelf
        self._key = key
        self._if_absent = if_absent
        self._mark = new_mark()
        self._session = ""
        self._position = 0
        self._last = b""

    async def begin(self) -> None:
        """Open the session."""
        condition = "&ifGenerationMatch=0" if self._if_absent else ""
        path = f"/upload/storage/v1/b/{quote(self._shelf.name)}/o?uploadType=resumable"
        answer = await self._api.send(
            "POST",
            f"{path}&name={quote(self._key, safe='')}{condition}",
            bucket=self._shelf.name,
            accept={OK},
            body=resource(self._shelf, self._mark),
        )
        self._session = answer.headers["location"]

    async def part(self, number: int, data: bytes) -> None:
        """Keep this part, and send the one before, of which it is now known not to be the last."""
        del number  # they come in order
        before, self._last = self._last, data
        if before:
            await self._send(before)

    async def complete(self) -> ObjectInfo:
        """Send the last part; whose mark the object bears settles a lost answer."""
        data, total = self._last, self._position + len(self._last)
        try:
            answer = await self._api.send(
                "PUT",
                self._session,
                bucket=self._shelf.name,
                accept={OK, 201, PRECONDITION},
                headers={"Content-Range": f"bytes {self._position}-{total - 1}/{total}"},
                content=data,
            )
        except EngineUnavailable as outage:
            return await self._settled(outage)
        if answer.status_code == PRECONDITION:
            return await self._settled(
                EngineUnavailable("The key was free and taken.", key=self._key)
            )
        etag = str(answer.json().get("etag", ""))
        return await written(self._shelf, self._key, self._mark, total, etag)

    async def abort(self) -> None:
        """End the session."""
        await self._api.send(
            "DELETE", self._session, bucket=self._shelf.name, accept={OK, 204, 404, 410, CANCELLED}
        )

    async def _send(self, data: bytes) -> None:
        """Send a part that is not the last; Google says how much of it was kept."""
        end = self._position + len(data)
        while self._position < end:
            rest = data[len(data) - (end - self._position) :]
            answer = await self._api.send(
                "PUT",
                self._session,
                bucket=self._shelf.name,
                accept={_INCOMPLETE},
                headers={"Content-Range": f"bytes {self._position}-{end - 1}/*"},
                content=rest,
            )
            kept = int(answer.headers["range"].rpartition("-")[2]) + 1
            if kept <= self._position:
                raise EngineUnavailable("Google keeps nothing of what it is sent.", key=self._key)
            self._position = kept

    async def _settled(self, failure: EngineUnavailable) -> ObjectInfo:
        return await settle_or(
            failure, self._shelf, self._key, self._mark, if_absent=self._if_absent
        )
