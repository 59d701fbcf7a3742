"""Streaming into a part of an S3 upload.

botocore sends only what it can send again: bodies in memory or in files. So the part goes by a
request of our own, piece by piece as they come. Its last, empty piece is sent at the commit: S3
has the part then, and never before.
"""

import asyncio
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self

import httpx2

from mediakiln.adapters.object_store.cloud.http import Http, code_of
from mediakiln.adapters.object_store.cloud.s3.multipart import NO_UPLOAD, S3Parts
from mediakiln.adapters.object_store.cloud.s3.streaming import PIECE, SignedStream
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

_OK = 200
_NOT_FOUND = 404


class S3PartWriter:
    """Sends one part by one request; of its bytes, three pieces of 256 KiB are held at most.

    A request that fails is told by a later `write` or by `commit`; the part must be written again
    from its beginning, since its bytes are gone.
    """

    def __init__(self, upload: S3Parts, http: Http, number: int, size: int) -> None:
        self._upload = upload
        self._http = http
        self._number = number
        self._size = size
        self._taken = 0
        self._gathered = bytearray()
        self._frames: asyncio.Queue[bytes] = asyncio.Queue(1)
        self._stream: SignedStream | None = None
        self._sending: asyncio.Task[httpx2.Response] | None = None

    async def write(self, chunk: bytes | memoryview) -> None:
        """Send bytes; a view's memory may be used again at once."""
        stream = self._opened()
        rest = memoryview(chunk).cast("B")
        if self._taken + len(rest) > self._size:
            raise InvalidPart(
                "more bytes came than were announced", part=self._number, limit=self._size
            )
        self._taken += len(rest)
        while rest:
            room = PIECE - len(self._gathered)
            self._gathered += rest[:room]
            rest = rest[room:]
            if len(self._gathered) == PIECE:
                await self._send(stream)

    async def commit(self) -> Part:
        """Send the last piece, and wait until S3 has the part."""
        stream = self._opened()
        if self._taken != self._size:
            raise InvalidPart(f"{self._taken} bytes came", part=self._number, limit=self._size)
        if self._gathered:
            await self._send(stream)
        sending = await self._send(stream)
        answer = await self._answer(sending)
        self._stream = None
        return Part(self._number, self._size, answer.headers["etag"].strip('"'))

    async def __aenter__(self) -> Self:
        self._stream = await self._upload.stream(self._number, self._size)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stream = None
        self._gathered.clear()
        sending, self._sending = self._sending, None
        if sending is not None:
            sending.cancel()
            await asyncio.wait([sending])

    async def _send(self, stream: SignedStream) -> asyncio.Task[httpx2.Response]:
        """Hand what was gathered to the request; nothing ends it."""
        if self._sending is None:
            self._sending = asyncio.create_task(self._request(stream))
            self._sending.add_done_callback(self._ended)
        if self._sending.done():
            await self._answer(self._sending)
            raise EngineError("The store took a part before it was whole.", part=self._number)
        piece, self._gathered = bytes(self._gathered), bytearray()
        # Signing hashes the piece, which takes a millisecond where the CPU has no words for it.
        await self._frames.put(await asyncio.to_thread(stream.frames.frame, piece))
        return self._sending

    async def _request(self, stream: SignedStream) -> httpx2.Response:
        return await self._http.pour(
            "PUT",
            stream.url,
            bucket=self._upload.bucket,
            accept={_OK, _NOT_FOUND},
            headers=stream.headers,
            content=self._body(stream.size),
        )

    async def _body(self, left: int) -> AsyncIterator[bytes]:
        while left:
            frame = await self._frames.get()
            left -= len(frame)
            yield frame

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

    def _ended(self, sending: asyncio.Task[httpx2.Response]) -> None:
        """Let a writer go on who waits for the request to take a frame."""
        while not self._frames.empty():
            self._frames.get_nowait()
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

    def _opened(self) -> SignedStream:
        if self._stream is None:
            raise NotSupported("The writer is closed.", part=self._number)
        return self._stream
