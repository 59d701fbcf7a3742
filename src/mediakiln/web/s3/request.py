"""One request to the S3 front: whose it is, what it names, and its body."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Final

from starlette.datastructures import Headers
from starlette.types import Receive, Scope

from mediakiln.model.access import Principal
from mediakiln.model.errors import TooLarge
from mediakiln.stages.uploads.s3.hashing import KNOWN, Hashed
from mediakiln.web.bodies import stream_body
from mediakiln.web.s3.chunked import KINDS, Chunked, decoded
from mediakiln.web.s3.errors import S3Error
from mediakiln.web.s3.sigv4 import UNSIGNED, Verified, query_of

_MD5: Final = "content-md5"
_CHECKSUM: Final = "x-amz-checksum-"
_META: Final = "x-amz-meta-mediakiln-"


@dataclass(frozen=True, slots=True)
class S3Request:
    """What the handlers work with. `bucket` and `key` are empty where none is named."""

    scope: Scope
    receive: Receive
    principal: Principal
    verified: Verified | None
    bucket: str
    key: str

    @property
    def headers(self) -> Headers:
        """The request's headers."""
        return Headers(scope=self.scope)

    @property
    def query(self) -> Mapping[str, str]:
        """The address's parameters."""
        return query_of(self.scope)

    def meta(self, name: str) -> str | None:
        """What the client set as `x-amz-meta-mediakiln-{name}`."""
        return self.headers.get(f"{_META}{name}")

    @property
    def size(self) -> int:
        """The bytes of the object in the body.

        Raises:
            S3Error: the request does not say.
        """
        headers = self.headers
        given = headers.get("x-amz-decoded-content-length") or headers.get("content-length", "")
        if not given.isdecimal():
            raise S3Error("MissingContentLength", "The size of the body must be announced.")
        return int(given)

    def body(self) -> Hashed:
        """The object's bytes, which are held against every digest and signature on the way."""
        headers = self.headers
        announced = {
            name.removeprefix(_CHECKSUM): decoded(value)
            for name, value in headers.items()
            if name.startswith(_CHECKSUM) and name.removeprefix(_CHECKSUM) in KNOWN
        }
        if _MD5 in headers:
            announced["md5"] = decoded(headers[_MD5])
        kind = self.verified.claim.payload if self.verified else _kind(headers)
        chunks: AsyncIterator[bytes] = stream_body(self.receive)
        if kind not in KINDS:
            if self.verified is not None and kind != UNSIGNED:
                announced["sha256"] = _sha256(kind)
            return Hashed(chunks, announced=announced, size=self.size)
        body = Chunked(chunks, kind, self.verified)
        trailing = headers.get("x-amz-trailer", "").lower().replace(_CHECKSUM, "").split(",")
        hashed = Hashed(
            aiter(body),
            announced=announced,
            also=frozenset(each.strip() for each in trailing),
            size=self.size,
        )
        body.hashed = hashed
        return hashed

    async def small(self, limit: int) -> bytes:
        """A small body, whole.

        Raises:
            TooLarge: it is larger than `limit` bytes.
        """
        held = bytearray()
        async for chunk in self.body():
            held += chunk
            if len(held) > limit:
                raise TooLarge(f"the body is larger than {limit} bytes", limit=limit)
        return bytes(held)


def _kind(headers: Headers) -> str:
    """How the body is encoded, where no signature is asked for."""
    return headers.get("x-amz-content-sha256", UNSIGNED)


def _sha256(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise S3Error(
            "InvalidRequest", "x-amz-content-sha256 is no digest, and no known kind of body."
        ) from None
