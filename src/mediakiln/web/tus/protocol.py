"""What every answer of the tus door carries, and what a browser of another site may see."""

import re
from collections.abc import Collection
from typing import Final

from starlette.datastructures import Headers
from starlette.types import Scope

from mediakiln.stages.uploads.tus import ALGORITHMS

VERSION: Final = "1.0.0"
ROOT: Final = "/v1/tus"
CONTENT_TYPE: Final = "application/offset+octet-stream"
"""Of requests with bytes of a file."""
EXTENSIONS: Final = (
    "creation",
    "creation-with-upload",
    "creation-defer-length",
    "expiration",
    "checksum",
    "termination",
    "concatenation",
)
METHODS: Final = ("POST", "HEAD", "PATCH", "DELETE", "OPTIONS")

Pairs = list[tuple[bytes, bytes]]

_PATH: Final = re.compile(rf"{ROOT}(?:/.*)?", re.DOTALL)
_TOKEN: Final = re.compile(r"[A-Z]{1,16}")
_REQUEST_HEADERS: Final = (
    "Authorization, Content-Type, Idempotency-Key, Tus-Resumable, Upload-Checksum, "
    "Upload-Concat, Upload-Defer-Length, Upload-Length, Upload-Metadata, Upload-Offset, "
    "X-HTTP-Method-Override, X-Mediakiln-Project, X-Request-ID, X-Requested-With"
)
_ANSWER_HEADERS: Final = (
    "Location, Mediakiln-Asset, RateLimit, RateLimit-Policy, Retry-After, "
    "Tus-Checksum-Algorithm, Tus-Extension, "
    "Tus-Max-Size, Tus-Resumable, Tus-Version, Upload-Concat, Upload-Defer-Length, "
    "Upload-Expires, Upload-Length, Upload-Metadata, Upload-Offset, X-Request-ID"
)
_REMEMBERED_S: Final = 86400


def is_tus(scope: Scope) -> bool:
    """Whether a request is for this door."""
    return _PATH.fullmatch(scope["path"]) is not None


def is_open(scope: Scope) -> bool:
    """Whether a request needs no key: browsers ask with OPTIONS before they send theirs."""
    return is_tus(scope) and scope["method"] == "OPTIONS"


def override_method(scope: Scope) -> None:
    """Take the method that X-HTTP-Method-Override names, instead of the request's own.

    This must happen before anything is decided by the method.
    """
    told = Headers(scope=scope).get("x-http-method-override", "").strip().upper()
    if _TOKEN.fullmatch(told):
        scope["method"] = told


def always(scope: Scope, origins: Collection[str]) -> Pairs:
    """Headers of every answer to a request, whatever becomes of it."""
    pairs: Pairs = []
    if scope["method"] != "OPTIONS":
        pairs.append((b"tus-resumable", VERSION.encode()))
    if scope["method"] == "HEAD":
        pairs.append((b"cache-control", b"no-store"))
    return pairs + _for_browsers(scope, origins)


def about(max_bytes: int) -> Pairs:
    """What OPTIONS answers."""
    return [
        (b"tus-version", VERSION.encode()),
        (b"tus-extension", ",".join(EXTENSIONS).encode()),
        (b"tus-max-size", b"%d" % max_bytes),
        (b"tus-checksum-algorithm", ",".join(ALGORITHMS).encode()),
    ]


def _for_browsers(scope: Scope, origins: Collection[str]) -> Pairs:
    """The headers of cross-origin sharing (the Fetch standard), for origins that are allowed."""
    if not origins:
        return []
    pairs: Pairs = [(b"vary", b"Origin")]
    headers = Headers(scope=scope)
    origin = headers.get("origin", "")
    if origin not in origins and "*" not in origins:
        return pairs
    pairs.append((b"access-control-allow-origin", origin.encode("latin-1") or b"*"))
    if scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
        pairs += [
            (b"access-control-allow-methods", ", ".join(METHODS).encode()),
            (b"access-control-allow-headers", _REQUEST_HEADERS.encode()),
            (b"access-control-max-age", b"%d" % _REMEMBERED_S),
        ]
    else:
        pairs.append((b"access-control-expose-headers", _ANSWER_HEADERS.encode()))
    return pairs
