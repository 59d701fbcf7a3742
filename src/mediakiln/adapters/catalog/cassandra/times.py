"""Buckets of time, and the clock that orders an asset's writes.

Every write has a time, `at`: the present, and later than the write it was made from. It is the
time stamp of the rows that lead to the asset, so that whoever drops one that no longer fits
drops no later one with it.
"""

from datetime import datetime

from mediakiln.adapters.catalog import rules

SHARDS = 4
"""How many shards hints and due times are divided into; part of the stored rows."""
START_WITHIN = 60 * 1_000_000
"""Within it of its time, a write's last attempt starts."""
SETTLED_AFTER = 180 * 1_000_000
"""So long after its time, no write is under way any more; clocks may differ by a minute."""

_MINUTE = 60 * 1_000_000
_HOUR = 60 * _MINUTE


def now() -> int:
    """The present, in microseconds since 1970."""
    return rules.micros(rules.now())


def minute_of(at: int) -> int:
    """The minute that a hint is kept under."""
    return at // _MINUTE


def hour_of(at: int) -> int:
    """The hour that a due time is kept under."""
    return at // _HOUR


def minute_ends(minute: int) -> int:
    """The time after a minute."""
    return (minute + 1) * _MINUTE


def hour_ends(hour: int) -> int:
    """The time after an hour."""
    return (hour + 1) * _HOUR


def month_of(created_at: datetime) -> int:
    """The month that an asset is listed under, counted from the year 0, in UTC."""
    at = rules.moment(rules.micros(created_at))
    return at.year * 12 + at.month - 1


def settled(at: int) -> bool:
    """Whether no write of that time can be under way any more."""
    return at < now() - SETTLED_AFTER
