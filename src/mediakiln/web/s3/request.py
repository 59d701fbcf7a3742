"""One request to the S3 front: whose it is, what it names, and its body."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Final

from starlette.datastructures import Headers
from starlette.types import Receive, Scope

from mediakiln.model.access import Principal
from mediakiln.model.errors import ChecksumMismatch, TooLarge
from mediakiln.stages.uploads.s3.checksums import Checksum, Chosen, check_known, choose
from mediakiln.stages.uploads.s3.hashing import Hashed
from mediakiln.web.bodies import stream_body
from mediakiln.web.s3.chunked import KINDS, Chunked, decoded
from mediakiln.web.s3.errors import S3Error
from mediakiln.web.s3.sigv4 import UNSIGNED, Verified, query_of

_MD5: Final = "content-md5"
_CHECKSUM: Final = "x-amz-checksum-"
_SETTINGS: Final = frozenset({"algorithm", "mode", "type"})
"""What headers of that beginning say beside checksums."""
_META: Final = "x-amz-meta-"
_META_BYTES: Final = 2048
"""S3's own bound of all names and values."""


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

    @property
    def meta(self) -> dict[str, str]:
        """All that the client set as `x-amz-meta-{name}`, by names.

        Raises:
            S3Error: it is too much.
        """
        found = {
            name.removeprefix(_META): value
            for name, value in self.headers.items()
            if name.startswith(_META)
        }
        if sum(len(name) + len(value) for name, value in found.items()) > _META_BYTES:
            raise S3Error("MetadataTooLarge", f"The metadata have more than {_META_BYTES} bytes.")
        return found

    @property
    def chosen(self) -> Chosen | None:
        """The checksum that an object of parts is to have.

        Raises:
            InvalidRequest: there is no such.
        """
        headers = self.headers
        return choose(headers.get(f"{_CHECKSUM}algorithm"), headers.get(f"{_CHECKSUM}type"))

    @property
    def algorithm(self) -> str | None:
        """The algorithm of the one checksum that comes with the request, before or behind it.

        Raises:
            S3Error: there are several.
            InvalidRequest: it is none that can be verified.
        """
        names = {*self._sums, *self._behind}
        if len(names) > 1:
            raise S3Error("InvalidRequest", "A request has one x-amz-checksum- header.")
        return next((check_known(name) for name in names), None)

    def expected(self, begun: Chosen | None) -> Checksum | None:
        """The checksum of an object of parts, as a header says it.

        Args:
            begun: what was chosen for it when the upload began.
        """
        algorithm = self.algorithm
        if algorithm is None:
            return None
        kind = self.headers.get(f"{_CHECKSUM}type")
        if kind is None and begun is not None and begun.algorithm == algorithm:
            kind = begun.kind
        chosen, value = choose(algorithm, kind), self._sums.get(algorithm)
        if chosen is None or value is None:
            return None
        return Checksum(algorithm=algorithm, kind=chosen.kind, value=value)

    @property
    def _sums(self) -> dict[str, str]:
        found = {
            name.removeprefix(_CHECKSUM): value
            for name, value in self.headers.items()
            if name.startswith(_CHECKSUM)
        }
        return {name: value for name, value in found.items() if name not in _SETTINGS}

    @property
    def _behind(self) -> frozenset[str]:
        """Algorithms whose checksums are announced to come behind the body."""
        names = (name.strip() for name in self.headers.get("x-amz-trailer", "").lower().split(","))
        return frozenset(
            name.removeprefix(_CHECKSUM) for name in names if name.startswith(_CHECKSUM)
        )

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

    def body(self, *, also: frozenset[str] = frozenset()) -> Hashed:
        """The object's bytes, which are held against every digest and signature on the way.

        Args:
            also: algorithms of further checksums that are wanted.

        Raises:
            S3Error, InvalidRequest: the request cannot be read, or has a checksum that cannot be
                verified.
        """
        algorithm = self.algorithm
        announced = {name: decoded(value) for name, value in self._sums.items()}
        expected = self._behind if algorithm is not None else frozenset()
        return self._hashed(announced, expected, also)

    async def small(self, limit: int, *, is_object: bool = True) -> bytes:
        """A small body, whole.

        Args:
            limit: its bytes, at most.
            is_object: whether a checksum in the headers is the body's own.

        Raises:
            TooLarge: it is larger.
        """
        held = bytearray()
        async for chunk in self.body() if is_object else self._hashed({}, frozenset(), frozenset()):
            held += chunk
            if len(held) > limit:
                raise TooLarge(f"the body is larger than {limit} bytes", limit=limit)
        return bytes(held)

    def _hashed(
        self, announced: dict[str, bytes], expected: frozenset[str], also: frozenset[str]
    ) -> Hashed:
        headers = self.headers
        if _MD5 in headers:
            _add(announced, "md5", decoded(headers[_MD5]))
        kind = self.verified.claim.payload if self.verified else _kind(headers)
        chunks: AsyncIterator[bytes] = stream_body(self.receive)
        chunked = Chunked(chunks, kind, self.verified) if kind in KINDS else None
        if chunked is not None:
            chunks = aiter(chunked)
        elif self.verified is not None and kind != UNSIGNED:
            _add(announced, "sha256", _sha256(kind))
        hashed = Hashed(chunks, announced=announced, expected=expected, also=also, size=self.size)
        if chunked is not None:
            chunked.hashed = hashed
        return hashed


def _add(announced: dict[str, bytes], algorithm: str, digest: bytes) -> None:
    """Add what is announced in one more place."""
    if announced.setdefault(algorithm, digest) != digest:
        raise ChecksumMismatch(f"two headers announce different {algorithm}", field=algorithm)


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
