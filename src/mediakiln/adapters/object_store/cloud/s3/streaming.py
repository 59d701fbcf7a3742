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
        frames: makes them.
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
        time = str(request.context["timestamp"])
        self.frames = Frames(
            credentials["secret_access_key"],
            time=time,
            scope=f"{time[:8]}/{region}/s3/aws4_request",
            seed=self.headers["Authorization"].rpartition("Signature=")[2],
        )


class Frames:
    """Pieces with their signatures, each of which covers the one before.

    Args:
        secret: the secret key.
        time: the request's, as `20130524T000000Z`.
        scope: its day, region and service.
        seed: the signature of its headers.
    """

    def __init__(self, secret: str, *, time: str, scope: str, seed: str) -> None:
        self._time = time
        self._scope = scope
        self._last = seed
        self._key = f"AWS4{secret}".encode()
        for word in scope.split("/"):
            self._key = hmac.new(self._key, word.encode(), hashlib.sha256).digest()

    def frame(self, piece: bytes) -> bytes:
        """The next piece. All but the last two have `PIECE` bytes, and the last one has none."""
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
