"""Bodies in `aws-chunked` encoding: chunks with signatures, and digests behind them.

Source: "Signature calculations for the authorization header: transferring payload in multiple
chunks" in the Amazon S3 API Reference.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final

from mediakiln.model.errors import IncompleteUpload
from mediakiln.stages.uploads.s3.hashing import Hashed
from mediakiln.web.s3.errors import S3Error
from mediakiln.web.s3.sigv4 import EMPTY_SHA256, Verified

SIGNED: Final = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
SIGNED_TRAILER: Final = f"{SIGNED}-TRAILER"
UNSIGNED_TRAILER: Final = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
KINDS: Final = frozenset({SIGNED, SIGNED_TRAILER, UNSIGNED_TRAILER})

_LINE_BYTES: Final = 1024
_TRAILER_LINES: Final = 16
_CHUNK = re.compile(rb"([0-9a-fA-F]{1,16})(?:;chunk-signature=([0-9a-f]{64}))?")
_CHECKSUM: Final = "x-amz-checksum-"
_SIGNATURE: Final = "x-amz-trailer-signature"


class Chunked:
    """A body that is decoded while it arrives.

    Args:
        chunks: the encoded body.
        kind: one of `KINDS`.
        verified: the request's signature, where the first chunk's begins; None verifies none.
    """

    def __init__(self, chunks: AsyncIterator[bytes], kind: str, verified: Verified | None) -> None:
        self._chunks = chunks
        self._held = bytearray()
        self._trailing = kind != SIGNED
        self._verified = verified if kind != UNSIGNED_TRAILER else None
        self._before = "" if verified is None else verified.claim.signature
        self.hashed: Hashed | None = None
        """Told of digests that stand behind the body."""

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        """The decoded bytes. Ends only if every signature is right.

        Raises:
            IncompleteUpload: the body ended in the middle.
            S3Error: it cannot be read, or a signature is not right.
        """
        while True:
            size, signature = self._head(await self._line())
            digest = hashlib.sha256()
            async for piece in self._data(size):
                digest.update(piece)
                yield piece
            self._check(f"{EMPTY_SHA256}\n{digest.hexdigest()}", "PAYLOAD", signature)
            if size == 0:
                break
            if await self._line():
                raise S3Error("InvalidRequest", "A chunk is longer than it says.")
        await self._trailer()

    def _head(self, line: bytes) -> tuple[int, str]:
        found = _CHUNK.fullmatch(line)
        if found is None:
            raise S3Error("InvalidRequest", "A chunk's header cannot be read.")
        return int(found[1], 16), (found[2] or b"").decode()

    def _check(self, digests: str, what: str, signature: str) -> None:
        if self._verified is None:
            return
        claim = self._verified.claim
        moment = claim.moment.strftime("%Y%m%dT%H%M%SZ")
        text = f"AWS4-HMAC-SHA256-{what}\n{moment}\n{claim.scope}\n{self._before}\n{digests}"
        if not hmac.compare_digest(self._verified.sign(text), signature):
            raise S3Error("SignatureDoesNotMatch", "A chunk's signature is not right.")
        self._before = signature

    async def _trailer(self) -> None:
        """Read what stands behind the last chunk; without trailers, the empty line."""
        lines: list[tuple[str, str]] = []
        signature = ""
        while line := await self._line(last=True):
            name, _, value = line.decode("latin-1").partition(":")
            if name.strip().lower() == _SIGNATURE:
                signature = value.strip()
            else:
                lines.append((name.strip().lower(), value.strip()))
            if len(lines) > _TRAILER_LINES:
                raise S3Error("InvalidRequest", "There are too many trailing headers.")
        if not self._trailing:
            return
        if self._verified is not None:
            signed = "".join(f"{name}:{value}\n" for name, value in lines).encode()
            self._check(hashlib.sha256(signed).hexdigest(), "TRAILER", signature)
        for name, value in lines:
            algorithm = name.removeprefix(_CHECKSUM)
            if algorithm == name or self.hashed is None:
                continue
            if algorithm not in self.hashed.expected:
                raise S3Error("InvalidRequest", f"x-amz-trailer does not announce {name}.")
            self.hashed.announce(algorithm, decoded(value))

    async def _line(self, *, last: bool = False) -> bytes:
        """The next line, without its end; with `last`, the body's end is an empty one."""
        while (end := self._held.find(b"\r\n")) < 0:
            if len(self._held) > _LINE_BYTES:
                raise S3Error("InvalidRequest", "A chunk's header is too long.")
            if not await self._more():
                if last and not self._held:
                    return b""
                raise IncompleteUpload("the body ended in the middle of its encoding")
        line = bytes(self._held[:end])
        del self._held[: end + 2]
        return line

    async def _data(self, size: int) -> AsyncGenerator[bytes, None]:
        while size:
            if not self._held and not await self._more():
                raise IncompleteUpload("the body ended in the middle of a chunk")
            piece = bytes(self._held[:size])
            del self._held[:size]
            size -= len(piece)
            yield piece

    async def _more(self) -> bool:
        async for chunk in self._chunks:
            self._held += chunk
            return True
        return False


def decoded(text: str) -> bytes:
    """A digest as headers carry it, in Base64.

    Raises:
        S3Error: it is not Base64.
    """
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise S3Error("InvalidRequest", "A checksum is not Base64.") from None
