"""Streaming into a part of an S3 upload.

botocore sends only what it can send again: bodies in memory or in files. So the part goes to an
address signed for it, whose signature does not cover the bytes, chunk by chunk as they come.
"""

import asyncio
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Final, Self

import httpx2

from mediakiln.adapters.object_store.cloud.http import Http, code_of
from mediakiln.adapters.object_store.cloud.s3.multipart import NO_UPLOAD, S3Parts
from mediakiln.model.errors import (
    EngineError,
    EngineMisconfigured,
    EngineUnavailable,
    InvalidPart,
    MediakilnError,
    NotFound,
    NotSupported,
)
from mediakiln.ports.multipart import Part

_PIECE: Final = 1 << 20
_LIFE_S: Final = 3600.0
_OK = 200
_NOT_FOUND = 404


class S3PartWriter:
    """Sends one part by one request; of its bytes, two pieces of 1 MiB are held at most.

    A request that fails is told by a later `write` or by `commit`; the part must be written again
    from its beginning, since its bytes are gone.
    """

    def __init__(self, upload: S3Parts, http: Http, number: int, size: int) -> None:
        self._upload = upload
        self._http = http
        self._number = number
        self._left = size
        self.size = size
        self._pieces: asyncio.Queue[bytes] = asyncio.Queue(1)
        self._address = ""
        self._sending: asyncio.Task[httpx2.Response] | None = None

    async def write(self, chunk: bytes | memoryview) -> None:
        """Send bytes; a view's memory may be used again at once."""
        self._check_open()
        view = memoryview(chunk).cast("B")
        if len(view) > self._left:
            raise InvalidPart(
                "more bytes came than were announced", part=self._number, limit=self.size
            )
        for start in range(0, len(view), _PIECE):
            await self._hand(bytes(view[start : start + _PIECE]))

    async def commit(self) -> Part:
        """Wait until S3 has the part."""
        self._check_open()
        if self._left or self._sending is None:
            raise InvalidPart(
                f"{self.size - self._left} bytes came", part=self._number, limit=self.size
            )
        answer = await self._answer(self._sending)
        self._address = ""
        return Part(self._number, self.size, answer.headers["etag"].strip('"'))

    async def chunks(self) -> AsyncIterator[bytes]:
        """The request's body."""
        left = self.size
        while left:
            piece = await self._pieces.get()
            left -= len(piece)
            yield piece

    async def __aenter__(self) -> Self:
        self._address = await self._upload.address(self._number, _LIFE_S)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._address = ""
        sending, self._sending = self._sending, None
        if sending is not None:
            sending.cancel()
            await asyncio.wait([sending])

    async def _hand(self, piece: bytes) -> None:
        if self._sending is None:
            self._sending = asyncio.create_task(self._send())
            self._sending.add_done_callback(self._ended)
        if self._sending.done():
            await self._answer(self._sending)
            raise EngineError("The store took a part before it was whole.", part=self._number)
        self._left -= len(piece)
        await self._pieces.put(piece)

    async def _answer(self, sending: asyncio.Task[httpx2.Response]) -> httpx2.Response:
        """What S3 said.

        Raises:
            NotFound: there is no such upload. S3 may say so by cutting the connection.
        """
        try:
            answer = await sending
        except EngineUnavailable:
            await self._upload.check()
            raise
        if answer.status_code == _NOT_FOUND:
            raise self._missing(answer)
        return answer

    async def _send(self) -> httpx2.Response:
        return await self._http.pour(
            "PUT",
            self._address,
            bucket=self._upload.bucket,
            accept={_OK, _NOT_FOUND},
            content=self,
        )

    def _ended(self, sending: asyncio.Task[httpx2.Response]) -> None:
        """Let a writer go on who waits for the request to take a piece."""
        while not self._pieces.empty():
            self._pieces.get_nowait()
        if not sending.cancelled():
            sending.exception()  # noticed: the writer may be left before it is asked for

    def _missing(self, answer: httpx2.Response) -> MediakilnError:
        code = code_of(answer)
        if code == NO_UPLOAD:
            return NotFound("there is no such upload", part=self._number)
        return EngineMisconfigured(
            f"MEDIAKILN_STORE: the store does not take parts: {answer.status_code} {code}",
            bucket=self._upload.bucket,
        )

    def _check_open(self) -> None:
        if not self._address:
            raise NotSupported("The writer is closed.", part=self._number)
