"""Blocks on Azure, and the list that makes a blob of them under a condition.

Blocks without a list are invisible, and Azure forgets them after a week.
"""

import base64
from collections.abc import Mapping
from urllib.parse import urlencode

from mediakiln.adapters.object_store.cloud.http import Http, code_of
from mediakiln.adapters.object_store.cloud.putting import new_mark, settle_or, written
from mediakiln.adapters.object_store.cloud.shelves import MARK, Shelf
from mediakiln.model.errors import EngineUnavailable
from mediakiln.ports.object_store import ObjectInfo

CREATED = 201
PRECONDITION = 412
CONFLICT = 409
_BAD_REQUEST = 400


class AzureUpload:
    """Blocks on their way to one blob, by bytes or by ranges of other blobs.

    Args:
        http: sends the requests.
        url: the blob's address, with a signature that allows writing.
        shelf: the blob's container.
        key: the blob's key.
        if_absent: whether it may replace one.
    """

    parallel = 2

    def __init__(self, http: Http, url: str, shelf: Shelf, key: str, *, if_absent: bool) -> None:
        self._http = http
        self._url = url
        self._shelf = shelf
        self._key = key
        self._if_absent = if_absent
        self._mark = new_mark()
        self._blocks: dict[int, str] = {}
        self._size = 0

    async def part(self, number: int, data: bytes) -> None:
        """Send one block."""
        await self._block(number, len(data), {}, data)

    async def copied_part(self, number: int, source: str, etag: str, span: tuple[int, int]) -> bool:
        """Take a range, from its first byte up to, not including, its end, of another blob.

        False if the source is not the one any more that has this etag.
        """
        headers = {
            "x-ms-copy-source": source,
            "x-ms-source-range": f"bytes={span[0]}-{span[1] - 1}",
            "x-ms-source-if-match": f'"{etag}"',
        }
        return await self._block(number, span[1] - span[0], headers, b"")

    async def complete(self) -> ObjectInfo:
        """Make one visible blob of the blocks; whose mark it bears settles a lost answer."""
        names = "".join(f"<Latest>{name}</Latest>" for _, name in sorted(self._blocks.items()))
        body = f'<?xml version="1.0" encoding="utf-8"?><BlockList>{names}</BlockList>'
        try:
            answer = await self._http.send(
                "PUT",
                f"{self._url}&comp=blocklist",
                bucket=self._shelf.name,
                accept={CREATED, CONFLICT, PRECONDITION, _BAD_REQUEST},
                headers=given(self._shelf, self._mark, if_absent=self._if_absent),
                content=body.encode(),
            )
        except EngineUnavailable as outage:
            return await self._settled(outage)
        if answer.status_code != CREATED:
            # A list that another writer of this key completed meanwhile took our blocks with it.
            return await self._settled(
                EngineUnavailable(
                    f"The blob's blocks were not accepted: {code_of(answer)}", key=self._key
                )
            )
        etag = answer.headers["etag"]
        return await written(self._shelf, self._key, self._mark, self._size, etag)

    async def abort(self) -> None:
        """Nothing is to be done: blocks cannot be deleted, and go by themselves."""

    async def _settled(self, failure: EngineUnavailable) -> ObjectInfo:
        return await settle_or(
            failure, self._shelf, self._key, self._mark, if_absent=self._if_absent
        )

    async def _block(self, number: int, size: int, headers: Mapping[str, str], data: bytes) -> bool:
        name = base64.b64encode(f"{self._mark}-{number:05d}".encode()).decode()
        quoted = name.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")
        answer = await self._http.send(
            "PUT",
            f"{self._url}&comp=block&blockid={quoted}",
            bucket=self._shelf.name,
            accept={CREATED, PRECONDITION},
            headers=headers,
            content=data,
        )
        self._blocks[number] = name
        self._size += size
        return answer.status_code == CREATED


def given(shelf: Shelf, mark: str, *, if_absent: bool) -> dict[str, str]:
    """The headers of a new blob."""
    headers = {f"x-ms-meta-{MARK}": mark}
    if shelf.tags:
        headers["x-ms-tags"] = urlencode(shelf.tags)
    if shelf.storage_class:
        headers["x-ms-access-tier"] = shelf.storage_class
    if if_absent:
        headers["If-None-Match"] = "*"
    return headers
