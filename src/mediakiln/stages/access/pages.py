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
    start_after: str = "",
    over: Callable[[Record], bool] = lambda _: False,
) -> tuple[Sequence[T], str | None]:
    """What `want` makes of records, without its Nones, and the next page's cursor.

    Without a cursor it begins with keys behind `start_after`. It ends with the first page that
    has a record of which `over` says that nobody wants any from there on.
    """
    found: list[T] = []
    scanned = 0
    while True:
        # No more are read than fit, so that the cursor stands behind the last one returned.
        page, cursor = await records.list(
            prefix, limit=limit - len(found), cursor=cursor, start_after=start_after
        )
        found += [made for made in map(want, page) if made is not None]
        scanned += len(page)
        if any(map(over, page)):
            return found, None
        if cursor is None or len(found) >= limit or scanned >= MAX_SCANNED:
            return found, cursor
