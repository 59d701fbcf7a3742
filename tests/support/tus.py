"""Requests of the tus protocol, as plainly as its text has them."""

import hashlib
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2

VERSION = {"Tus-Resumable": "1.0.0"}
STREAM = {"Content-Type": "application/offset+octet-stream"}


def described(**metadata: str | bytes) -> str:
    """An Upload-Metadata header."""
    return ",".join(
        f"{key} {b64encode(value if isinstance(value, bytes) else value.encode()).decode()}"
        for key, value in metadata.items()
    )


def summed(data: bytes, algorithm: str = "sha1") -> dict[str, str]:
    """An Upload-Checksum header."""
    digest = hashlib.new(algorithm, data, usedforsecurity=False).digest()
    return {"Upload-Checksum": f"{algorithm} {b64encode(digest).decode()}"}


@dataclass(frozen=True)
class TusClient:
    """Sends the protocol's requests; a header of None is left out."""

    http: httpx2.AsyncClient

    async def request(
        self,
        method: str,
        url: str = "/v1/tus",
        headers: Mapping[str, str | None] | None = None,
        **more: Any,
    ) -> httpx2.Response:
        sent = {**VERSION, **(headers or {})}
        kept = {name: value for name, value in sent.items() if value is not None}
        return await self.http.request(method, url, headers=kept, **more)

    async def post(self, **headers: str | None) -> httpx2.Response:
        """A creation; `upload_length` stands for Upload-Length."""
        return await self.request("POST", headers=_named(headers))

    async def create(self, size: int, **headers: str | None) -> str:
        """The address of a new upload."""
        made = await self.post(
            upload_length=str(size), **{"upload_metadata": described(filename="a.txt"), **headers}
        )
        assert made.status_code == 201, made.text
        return str(made.headers["location"])

    async def patch(
        self, url: str, offset: int, data: Any, headers: Mapping[str, str | None] | None = None
    ) -> httpx2.Response:
        given: Mapping[str, str | None] = {
            **STREAM,
            "Upload-Offset": str(offset),
            **(headers or {}),
        }
        return await self.request("PATCH", url, given, content=data)

    async def head(self, url: str) -> httpx2.Response:
        return await self.request("HEAD", url)

    async def offset(self, url: str) -> int:
        """Where an upload stands."""
        answer = await self.head(url)
        assert answer.status_code == 200, answer.status_code
        return int(answer.headers["upload-offset"])


def _named(headers: dict[str, str | None]) -> dict[str, str | None]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
