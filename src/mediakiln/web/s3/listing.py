"""Lists of keys as S3 pages and groups them."""

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from mediakiln.web.s3.errors import S3Error

LAST: Final = "\U0010ffff"
"""Sorts behind every other character: behind a group is its prefix and this."""
MAX_KEYS: Final = 1000


@dataclass(frozen=True, slots=True)
class Item:
    """An object of a list."""

    key: str
    size: int
    etag: str
    modified: datetime


@dataclass(slots=True)
class Listed:
    """A page: objects, groups of keys that share a prefix, and the key to go on behind."""

    items: list[Item] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    following: str | None = None

    @property
    def count(self) -> int:
        """Objects and groups."""
        return len(self.items) + len(self.prefixes)


Entries = Callable[[str, str], AsyncIterator[Item]]
"""Objects whose key begins with the first and sorts after the second text, in key order."""


async def listed(
    entries: Entries, *, prefix: str, delimiter: str, start_after: str, limit: int
) -> Listed:
    """One page. Keys with the delimiter behind the prefix are grouped up to it.

    A group is left at its first key: what is in it is not read.
    """
    page = Listed()
    if limit < 1:
        return page
    after = start_after
    while True:
        group = ""
        async with aclosing(entries(prefix, after)) as found:  # type: ignore[type-var] # generators all
            async for item in found:
                if page.count == limit:
                    page.following = after
                    return page
                group = _group(item.key, prefix, delimiter)
                if group:
                    break
                page.items.append(item)
                after = item.key
        if not group:
            return page
        page.prefixes.append(group)
        after = group + LAST


def limit_of(given: str | None, name: str) -> int:
    """How much of a list is asked for; at most what S3 gives.

    Raises:
        S3Error: it is no number.
    """
    if given is None:
        return MAX_KEYS
    if not given.isdecimal():
        raise S3Error("InvalidArgument", f"{name} is a number.")
    return min(int(given), MAX_KEYS)


def _group(key: str, prefix: str, delimiter: str) -> str:
    """What a key is grouped by; empty if it stands for itself."""
    if not delimiter:
        return ""
    head, found, _ = key[len(prefix) :].partition(delimiter)
    return f"{prefix}{head}{delimiter}" if found else ""
