"""What a server's answer says before its body."""

import math
import time
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import httpx2

from mediakiln.adapters.fetcher.urls import shown
from mediakiln.model.errors import FetchFailed, FetchRefused, TooLarge

_MAX_RETRY_AFTER_S = 60.0
_MAYBE_LATER = frozenset({408, 425, 429})
_MAX_TYPE_CHARS = 200


def check(response: httpx2.Response, target: httpx2.URL) -> None:
    """Whether a file follows.

    Raises:
        FetchFailed: perhaps at another time.
        FetchRefused: it does not.
    """
    status = response.status_code
    if status in _MAYBE_LATER or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise FetchFailed(
            f"the server answered {status}",
            url=shown(target),
            status=status,
            retry_after=_retry_after(response.headers.get("retry-after", "")),
        )
    if status != HTTPStatus.OK:
        raise FetchRefused(f"the server answered {status}", url=shown(target), status=status)
    if response.headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}:
        raise FetchRefused("the server sends the file compressed, unasked", url=shown(target))


def length(response: httpx2.Response, target: httpx2.URL, max_bytes: int) -> int | None:
    """The announced size in bytes; None where there is none.

    Raises:
        TooLarge: it is more than `max_bytes`.
    """
    text = response.headers.get("content-length", "")
    if not text.isdigit():
        return None
    if int(text) > max_bytes:
        raise too_large(int(text), max_bytes, target)
    return int(text)


def too_large(size: int, limit: int, target: httpx2.URL) -> TooLarge:
    """The refusal of a file for its size."""
    return TooLarge(
        f"the file is larger than {limit} bytes", limit=limit, value=size, url=shown(target)
    )


def media_type(response: httpx2.Response) -> str | None:
    """What the server says the file is; None where that says nothing."""
    said = str(response.headers.get("content-type", "")).partition(";")[0].strip().lower()
    return (
        None
        if said in {"", "application/octet-stream", "binary/octet-stream"}
        else said[:_MAX_TYPE_CHARS]
    )


def _retry_after(value: str) -> float | None:
    """Seconds from a Retry-After header (RFC 9110, 10.2.3): a number, or a date."""
    if value.isascii() and value.isdigit():
        seconds = float(value)
    else:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - time.time()
        except (TypeError, ValueError):
            return None
    return math.ceil(min(max(seconds, 0.0), _MAX_RETRY_AFTER_S))
