"""Google Cloud Storage's JSON interface, for what obstore has no call for."""

import json
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import quote

import httpx2

from mediakiln.adapters.object_store.cloud.gcs.tokens import Tokens
from mediakiln.adapters.object_store.cloud.http import Http
from mediakiln.adapters.object_store.cloud.shelves import MARK, Shelf
from mediakiln.model.errors import AlreadyExists

OK = 200
PRECONDITION = 412
CANCELLED = 499
GOOGLE = "https://storage.googleapis.com"


class GcsApi:
    """Sends requests with a token. A path is below the endpoint; a session has its own address."""

    def __init__(self, http: Http, tokens: Tokens, endpoint: str) -> None:
        self._http = http
        self._tokens = tokens
        self._endpoint = endpoint

    async def send(
        self,
        method: str,
        path: str,
        *,
        bucket: str,
        key: str = "",
        accept: Collection[int],
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
        body: Mapping[str, Any] | None = None,
    ) -> httpx2.Response:
        """The answer, if its status is one of those to accept; `body` is sent as JSON.

        Raises:
            ObjectMissing, EngineUnavailable, EngineMisconfigured, StorageFull: as `Http.send`.
        """
        given = {**(headers or {}), **await self._tokens.headers()}
        if body is not None:
            given["Content-Type"] = "application/json"
            content = json.dumps(body).encode()
        url = self._endpoint + path if path.startswith("/") else path
        return await self._http.send(
            method, url, bucket=bucket, key=key, accept=accept, headers=given, content=content
        )

    async def insert(
        self, shelf: Shelf, key: str, data: bytes, *, mark: str, if_absent: bool
    ) -> str:
        """Store an object by one request that has its metadata and its bytes; gives its etag."""
        path = f"/upload/storage/v1/b/{quote(shelf.name)}/o?uploadType=multipart"
        path += f"&name={quote(key, safe='')}" + ("&ifGenerationMatch=0" if if_absent else "")
        facts = json.dumps(resource(shelf, mark))
        head = (
            f"--{mark}\r\nContent-Type: application/json\r\n\r\n{facts}\r\n"
            f"--{mark}\r\nContent-Type: application/octet-stream\r\n\r\n"
        )
        answer = await self.send(
            "POST",
            path,
            bucket=shelf.name,
            accept={OK, PRECONDITION},
            headers={"Content-Type": f"multipart/related; boundary={mark}"},
            content=b"".join((head.encode(), data, f"\r\n--{mark}--\r\n".encode())),
        )
        if answer.status_code == PRECONDITION:
            raise AlreadyExists(key=key)
        return str(answer.json().get("etag", ""))

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()


def resource(shelf: Shelf, mark: str) -> dict[str, Any]:
    """What a new object is given besides its bytes."""
    made: dict[str, Any] = {"metadata": {MARK: mark}}
    if shelf.storage_class:
        made["storageClass"] = shelf.storage_class
    return made
