"""Cross-origin sharing (the Fetch standard) of the ways in that browsers use with upload tokens.

Only for origins in the settings, and never with cookies: a page of another site needs a token
that it was given. The tus door answers for itself.
"""

import re
from collections.abc import Collection
from typing import Final

from starlette.datastructures import Headers
from starlette.types import Scope, Send

Pairs = list[tuple[bytes, bytes]]

_PATH: Final = re.compile(r"/v1/(?:assets|uploads(?:/.*)?)", re.DOTALL)
_ASKED: Final = (
    b"Authorization, Content-Digest, Content-MD5, Content-Type, Idempotency-Key, "
    b"X-Checksum-SHA256, X-Recipe, X-Request-ID"
)
_TOLD: Final = b"ETag, Location, RateLimit, RateLimit-Policy, Retry-After, X-Request-ID"
_REMEMBERED_S: Final = 86400


def concerns(scope: Scope) -> bool:
    """Whether a request is for one of these ways in."""
    return _PATH.fullmatch(scope["path"]) is not None


def is_preflight(scope: Scope) -> bool:
    """Whether a browser asks if it may send a request, for which it sends no key."""
    return (
        scope["method"] == "OPTIONS"
        and concerns(scope)
        and "access-control-request-method" in Headers(scope=scope)
    )


def shared(scope: Scope, origins: Collection[str]) -> Pairs:
    """Headers of every answer, whatever becomes of the request."""
    if not origins:
        return []
    pairs: Pairs = [(b"vary", b"Origin")]
    origin = Headers(scope=scope).get("origin", "")
    if not origin or (origin not in origins and "*" not in origins):
        return pairs
    pairs.append((b"access-control-allow-origin", origin.encode("latin-1")))
    if is_preflight(scope):
        pairs += [
            (b"access-control-allow-methods", b"GET, POST, PUT, DELETE"),
            (b"access-control-allow-headers", _ASKED),
            (b"access-control-max-age", b"%d" % _REMEMBERED_S),
        ]
    else:
        pairs.append((b"access-control-expose-headers", _TOLD))
    return pairs


async def answer_preflight(send: Send) -> None:
    """The answer to a preflight; what it allows is in `shared`."""
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})
