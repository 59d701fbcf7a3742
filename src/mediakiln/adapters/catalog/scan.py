"""What the engines' records spaces have in common: a page of one, and a write that lost."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from mediakiln.adapters.catalog import rules
from mediakiln.adapters.catalog.cursor import seal, unseal
from mediakiln.model.errors import VersionConflict
from mediakiln.ports.catalog import Record


@dataclass(frozen=True, slots=True)
class Scan:
    """A page that is asked for.

    Attributes:
        after: the key behind which it begins; empty: at the first one with the prefix.
        wanted: how many records show whether there are more than fit.
    """

    space: str
    prefix: str
    after: str
    limit: int

    @classmethod
    def of(
        cls, space: str, prefix: str, *, limit: int, cursor: str | None, start_after: str
    ) -> Self | None:
        """What `Records.list` was asked; None if no key with the prefix can be on the page.

        Raises:
            InvalidRequest: the limit is below 1, or the cursor is not this list's.
        """
        rules.check_limit(limit)
        seen = start_after if cursor is None else str(unseal(cursor, _scope(space, prefix))[0])
        if not seen.startswith(prefix):
            if seen > prefix:
                return None
            seen = ""
        return cls(space, prefix, seen, limit)

    @property
    def wanted(self) -> int:
        """One more than the limit."""
        return self.limit + 1

    @property
    def start(self) -> str:
        """The least key, by code point, that may be on the page."""
        # The least key above another is that one and a NUL.
        return f"{self.after}\0" if self.after else self.prefix

    @property
    def stop(self) -> str | None:
        """The least text above all keys of the page; None if there is none."""
        return rules.after_prefix(self.prefix)

    def page(self, found: Sequence[Record]) -> tuple[Sequence[Record], str | None]:
        """The answer, given the first `wanted` records or fewer if there are no more."""
        if len(found) <= self.limit:
            return found, None
        cursor = seal((found[self.limit - 1].key,), _scope(self.space, self.prefix))
        return found[: self.limit], cursor


def conflict(space: str, key: str, version: int | None, expected: int | None) -> VersionConflict:
    """The error of a write that expected another version than there is; None: no record."""
    return VersionConflict(
        f"{space} {key!r} is at version {version}, not {expected}",
        expected=expected,
        version=version,
    )


def _scope(space: str, prefix: str) -> tuple[str, str, str]:
    return "records", space, prefix
