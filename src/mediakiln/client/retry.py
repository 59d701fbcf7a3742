"""When to try again, and after how long. No I/O."""

import random
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import httpx2

from mediakiln.client.errors import code_of

_STATUSES = frozenset({408, 423, 425, 429, 500, 502, 503, 504})
_CONFLICTS = frozenset({"version_conflict", "request_in_progress"})
"""Codes of 409 that somebody else's request is the cause of; it will have ended soon."""
_LASTING = frozenset({"quota_exceeded"})
"""Codes that waiting does not help, whatever their status."""
_UNTOUCHED = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
"""The server has seen nothing of the request."""


@dataclass(frozen=True, slots=True)
class Retry:
    """At most `tries` tries; pauses double from `base_s` up to `max_s`, with jitter."""

    tries: int = 5
    base_s: float = 0.2
    max_s: float = 10.0

    def after_error(
        self, error: httpx2.TransportError, attempt: int, *, repeatable: bool
    ) -> float | None:
        """The pause before the next try, or None to give up; `attempt` counts from 1."""
        if attempt >= self.tries or not (repeatable or isinstance(error, _UNTOUCHED)):
            return None
        return self._pause(attempt)

    def after_answer(
        self, response: httpx2.Response, attempt: int, *, repeatable: bool
    ) -> float | None:
        """As `after_error`; the server's own Retry-After counts, up to `max_s`."""
        if attempt >= self.tries or not repeatable or not _passing(response):
            return None
        return min(max(_asked_for(response), self._pause(attempt)), self.max_s)

    def _pause(self, attempt: int) -> float:
        longest = min(self.max_s, self.base_s * 2.0 ** (attempt - 1))
        return longest * (0.5 + random.random() / 2)  # noqa: S311 - jitter


def _passing(response: httpx2.Response) -> bool:
    if response.status_code == httpx2.codes.CONFLICT:
        return code_of(response) in _CONFLICTS
    return response.status_code in _STATUSES and code_of(response) not in _LASTING


def _asked_for(response: httpx2.Response) -> float:
    value = response.headers.get("retry-after", "0")
    if value.isdecimal():
        return float(value)
    try:
        at = parsedate_to_datetime(value)
        now = parsedate_to_datetime(response.headers["date"])
        return max(0.0, (at - now).total_seconds())
    except (ValueError, TypeError, KeyError):
        return 0.0
