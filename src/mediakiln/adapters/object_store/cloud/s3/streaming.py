"""Requests whose body is signed piece by piece, while it is sent.

Signature version 4 for streams, of Amazon's "Signature Calculations for the Authorization Header:
Transferring Payload in Multiple Chunks". The last piece is empty and signed, too, so that a body
which was cut short is never taken for whole, not even by stores that do not count its bytes.
"""

import hashlib
import hmac
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials

if TYPE_CHECKING:
    from obstore.store import S3Credential

PIECE: Final = 256 << 10
"""Bytes that are signed together."""

_PAYLOAD = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
_OF_NOTHING = hashlib.sha256(b"").hexdigest()


class SignedStream:
    """A PUT and the frames that its body consists of.

    Attributes:
        url: where to.
        headers: which, the length among them.
        size: bytes of all frames together.
    """

    def __init__(
        self,
        url: str,
        query: dict[str, str],
        size: int,
        credentials: "S3Credential",
        region: str,
    ) -> None:
        self.url = f"{url}?{urlencode(query, quote_via=quote, safe='-_.~')}"
        auth = _StreamAuth(
            ReadOnlyCredentials(
                credentials["access_key_id"],
                credentials["secret_access_key"],
                credentials.get("token"),
            ),
            "s3",
            region,
        )
        request = AWSRequest(
            "PUT",
            self.url,
            headers={
                "Content-Encoding": "aws-chunked",
                "X-Amz-Decoded-Content-Length": str(size),
            },
        )
        auth.add_auth(request)
        self.size = _framed(size)
        self.headers = dict(request.headers.items()) | {"Content-Length": str(self.size)}
        self._last = self.headers["Authorization"].rpartition("Signature=")[2]
        self._time = str(request.context["timestamp"])
        self._scope = f"{self._time[:8]}/{region}/s3/aws4_request"
        self._key = _signing_key(credentials["secret_access_key"], self._scope)

    def frame(self, piece: bytes) -> bytes:
        """The next piece with its signature. All but the last have `PIECE` bytes; one is empty."""
        told = "\n".join(
            (
                "AWS4-HMAC-SHA256-PAYLOAD",
                self._time,
                self._scope,
                self._last,
                _OF_NOTHING,
                hashlib.sha256(piece).hexdigest(),
            )
        )
        self._last = hmac.new(self._key, told.encode(), hashlib.sha256).hexdigest()
        return b"%x;chunk-signature=%b\r\n%b\r\n" % (len(piece), self._last.encode(), piece)


class _StreamAuth(S3SigV4Auth):  # type: ignore[misc]  # botocore has no types
    """Signs headers for a body that is signed later."""

    def payload(self, request: AWSRequest) -> str:
        """What stands for the body's hash."""
        del request
        return _PAYLOAD


def _framed(size: int) -> int:
    """Bytes of a body of `size` bytes with its frames."""
    whole, rest = divmod(size, PIECE)
    frames = whole * _frame_bytes(PIECE) + _frame_bytes(0)
    return frames + (_frame_bytes(rest) if rest else 0)


def _frame_bytes(size: int) -> int:
    return len(f"{size:x}") + len(";chunk-signature=") + 64 + size + 2 * len("\r\n")


def _signing_key(secret: str, scope: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for word in scope.split("/"):
        key = hmac.new(key, word.encode(), hashlib.sha256).digest()
    return key
