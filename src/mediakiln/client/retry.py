"""When to try again, and after how long. No I/O."""

import random
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final

import httpx2

from mediakiln.client.errors import code_of, problem_of

_STATUSES = frozenset({408, 423, 425, 429, 500, 502, 503, 504})
_HELD = frozenset({409, 423, 429})
"""Other requests are in the way: it will pass, though a server that died in one lets go late."""
_HELD_TRIES: Final = 30
_HELD_PAUSE_S: Final = 1.0
_LASTING = frozenset({"quota_exceeded"})
"""Codes that waiting does not help, whatever their status."""
_UNTOUCHED = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
"""The server has seen nothing of the request."""


@dataclass(frozen=True, slots=True)
class Retry:
    """At most `tries` tries; pauses double from `base_s` up to `max_s`, with jitter.

    Where only other requests are in the way (409, 423, 429), there are 30 tries.
    """

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
        if not repeatable or not _passing(response):
            return None
        held = response.status_code in _HELD
        if attempt >= (max(self.tries, _HELD_TRIES) if held else self.tries):
            return None
        pause = self._pause(attempt)
        return min(
            max(_asked_for(response), min(pause, _HELD_PAUSE_S) if held else pause), self.max_s
        )

    def _pause(self, attempt: int) -> float:
        longest = min(self.max_s, self.base_s * 2.0 ** (attempt - 1))
        return longest * (0.5 + random.random() / 2)  # noqa: S311 - jitter


def _passing(response: httpx2.Response) -> bool:
    if response.status_code == httpx2.codes.CONFLICT:
        # Most conflicts last; of those that do not, the server says when to come back.
        return code_of(response) == "version_conflict" or _asked_for(response) > 0
    return response.status_code in _STATUSES and code_of(response) not in _LASTING


def _asked_for(response: httpx2.Response) -> float:
    """Seconds, of the answer's Retry-After or of its problem document."""
    value = response.headers.get("retry-after")
    if value is None:
        told = problem_of(response).get("retry_after")
        return float(told) if isinstance(told, int | float) else 0.0
    if value.isdecimal():
        return float(value)
    try:
        at = parsedate_to_datetime(value)
        now = parsedate_to_datetime(response.headers["date"])
        return max(0.0, (at - now).total_seconds())
    except (ValueError, TypeError, KeyError):
        return 0.0
