"""How many requests a key may send in a time, and what every answer says of it.

Header fields by draft-ietf-httpapi-ratelimit-headers-10: `RateLimit-Policy` says what is allowed,
`RateLimit` what is left of the window that is nearest to its end.
"""

import math
import time
from collections.abc import Sequence
from typing import Final

from limits import RateLimitItem, parse_many
from limits.aio.storage import Storage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from limits.errors import ConfigurationError
from limits.storage import storage_from_string

from mediakiln.model.access import Principal
from mediakiln.model.errors import EngineMisconfigured, RateLimited

_NAME: Final = "key"
Pairs = list[tuple[bytes, bytes]]


def parsed(text: str) -> tuple[RateLimitItem, ...]:
    """Rates such as `20/second; 5000/hour`; none in an empty text.

    Raises:
        ValueError: it cannot be read.
    """
    return tuple(parse_many(text)) if text.strip() else ()


class Rates:
    """Counts requests by principal. Owners are not counted.

    Each process counts for itself, unless `storage` names a place that they share, as the library
    `limits` knows it: `redis://…`, `memcached://…`.
    """

    def __init__(self, allowed: str = "", *, storage: str = "memory://") -> None:
        try:
            self._allowed = parsed(allowed)
            made = storage_from_string(f"async+{storage}")
        except (ValueError, ConfigurationError) as error:
            raise EngineMisconfigured(
                f"MEDIAKILN_RATE_LIMIT or MEDIAKILN_RATE_STORAGE: {error}",
                hint="rates are like `20/second; 5000/hour`",
            ) from error
        if not isinstance(made, Storage):
            raise EngineMisconfigured("MEDIAKILN_RATE_STORAGE cannot be used here")
        self._limiter = SlidingWindowCounterRateLimiter(made)

    def of(self, principal: Principal) -> tuple[RateLimitItem, ...]:
        """What a principal may: its key's own rates, or everybody's."""
        if principal.is_owner:
            return ()
        return self._allowed if principal.rate is None else parsed(principal.rate)

    async def count(self, principal: Principal) -> Pairs:
        """Count a request; what its answer says.

        Raises:
            RateLimited: there were too many; `retry_after` are the seconds until one more may come.
        """
        items = self.of(principal)
        if not items:
            return []
        for item in items:
            if not await self._limiter.hit(item, principal.account):
                left = await self._left(item, principal)
                raise RateLimited(
                    f"this key may send {item.amount} requests in {item.get_expiry()} seconds",
                    limit=item.amount,
                    retry_after=left[1],
                    told=_told(items, item, left),
                )
        lefts = [(await self._left(item, principal), item) for item in items]
        (remaining, reset), nearest = min(lefts, key=lambda each: each[0][0] / each[1].amount)
        return _told(items, nearest, (remaining, reset))

    async def _left(self, item: RateLimitItem, principal: Principal) -> tuple[int, int]:
        """How many more may come now, and in how many seconds the window starts anew."""
        stats = await self._limiter.get_window_stats(item, principal.account)
        return stats.remaining, max(1, math.ceil(stats.reset_time - time.time()))


def _told(items: Sequence[RateLimitItem], nearest: RateLimitItem, left: tuple[int, int]) -> Pairs:
    policy = ", ".join(f'"{_label(item)}";q={item.amount};w={item.get_expiry()}' for item in items)
    state = f'"{_label(nearest)}";r={left[0]};t={left[1]}'
    return [(b"ratelimit-policy", policy.encode()), (b"ratelimit", state.encode())]


def _label(item: RateLimitItem) -> str:
    return f"{_NAME}-{item.get_expiry()}s"
