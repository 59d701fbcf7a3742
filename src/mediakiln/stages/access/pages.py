"""Pages of a records space of which only some are wanted."""

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from mediakiln.ports.catalog import Record, Records

T = TypeVar("T")

MAX_SCANNED: Final = 1000
"""Records that one page looks at; where few are wanted, pages are short rather than slow."""


async def filtered(
    records: Records,
    want: Callable[[Record], T | None],
    *,
    prefix: str = "",
    limit: int,
    cursor: str | None,
) -> tuple[Sequence[T], str | None]:
    """What `want` makes of records, without its Nones, and the next page's cursor."""
    found: list[T] = []
    scanned = 0
    while True:
        # No more are read than fit, so that the cursor stands behind the last one returned.
        page, cursor = await records.list(prefix, limit=limit - len(found), cursor=cursor)
        found += [made for made in map(want, page) if made is not None]
        scanned += len(page)
        if cursor is None or len(found) >= limit or scanned >= MAX_SCANNED:
            return found, cursor
