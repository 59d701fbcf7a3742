"""The audit trail: who did what, when and from where.

Uploads and downloads are not in it: they would double the writes of the busiest paths, and every
asset's record says who uploaded it. It holds what changes access, what takes something away or
starts work anew, who signed in, and who was turned away.

Catalogs list records by key, so keys count time backwards: the newest entry is the first. Each
entry is there twice, under its project and under all of them, so that both lists are in order.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from mediakiln.model.clock import Clock, utc_now
from mediakiln.model.errors import MediakilnError
from mediakiln.model.ids import new_id
from mediakiln.ports.catalog import Catalog
from mediakiln.stages.access.pages import filtered

log = logging.getLogger(__name__)

SPACE: Final = "audit-trail"
_ALL: Final = "*"
"""Where everybody's entries are; a project cannot be named so."""
_LAST: Final = (1 << 128) - 1
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FOREVER: Final = 10**16
"""Microseconds since 1970 until the year 2286."""
NOBODY: Final = "-"
"""The project of entries about visitors that belong to none; a project cannot be named so."""


class Entry(BaseModel):
    """One thing that was done, or refused."""

    model_config = ConfigDict(frozen=True)

    id: str
    at: datetime
    project: str
    who: str = Field(description="A principal: `owner`, `key:<id>`, `token:<id>`; `-`: unknown.")
    what: str = Field(description="Such as `key.created`.")
    subject: str = Field("", description="What it was done to: an id, a name, a path.")
    address: str = Field("", description="The client's address.")
    request: str = Field("", description="The request's id, as in the access log.")
    detail: Mapping[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which entries are wanted; None: any."""

    who: str | None = None
    what: str | None = None
    subject: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def takes(self, entry: Entry) -> bool:
        """Whether an entry is wanted. `what` may be the beginning, such as `key`."""
        return (
            self.who in {None, entry.who}
            and self.subject in {None, entry.subject}
            and (self.what is None or f"{entry.what}.".startswith(f"{self.what}."))
            and (self.since is None or entry.at >= self.since)
            and (self.until is None or entry.at < self.until)
        )


class AuditTrail:
    """Writes entries, which expire after `kept`, and finds them again."""

    def __init__(self, catalog: Catalog, *, kept: timedelta, clock: Clock = utc_now) -> None:
        self._records = catalog.records(SPACE)
        self._kept = kept
        self._clock = clock

    async def note(
        self,
        what: str,
        *,
        project: str,
        who: str,
        subject: str = "",
        address: str = "",
        request: str = "",
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        """Write an entry about what has been done.

        What is done is done: where the catalog does not take the entry, the log gets it.
        """
        now = self._clock()
        entry = Entry(
            id=new_id(),
            at=now,
            project=project,
            who=who,
            what=what,
            subject=subject[:300],
            address=address,
            request=request,
            detail=detail or {},
        )
        value, until = entry.model_dump(mode="json"), now + self._kept
        keys = (f"{place}/{_place(entry)}" for place in (project, _ALL))
        try:
            await asyncio.gather(*(self._records.put(key, value, expires_at=until) for key in keys))
        except MediakilnError as error:
            log.error("not in the audit trail: %s (%s)", entry.model_dump_json(), error)  # noqa: TRY400 - the entry is what matters

    async def list(
        self,
        project: str | None,
        wanted: Filter,
        *,
        limit: int = 50,
        cursor: str | None = None,
    ) -> tuple[Sequence[Entry], str | None]:
        """A project's entries, or everybody's, newest first; a page may be short."""
        prefix = f"{_ALL if project is None else project}/"
        first = "" if wanted.until is None else _behind(prefix, wanted.until)
        last = None if wanted.since is None else _behind(prefix, wanted.since)

        def take(value: Mapping[str, Any]) -> Entry | None:
            entry = Entry.model_validate(value)
            return entry if wanted.takes(entry) else None

        return await filtered(
            self._records,
            lambda record: take(record.value),
            prefix=prefix,
            limit=limit,
            cursor=cursor,
            start_after=first,
            over=lambda record: last is not None and record.key > last,
        )


def _place(entry: Entry) -> str:
    """What sorts an entry before all that were made before it."""
    return f"{_backwards(entry.at)}/{_LAST - UUID(entry.id).int:032x}"


def _backwards(at: datetime) -> str:
    """A time as a text that sorts before all times before it."""
    passed = (at - _EPOCH) // timedelta(microseconds=1)
    return f"{_FOREVER - min(max(passed, 1), _FOREVER):016d}"


def _behind(prefix: str, at: datetime) -> str:
    """Behind every key of this time and later ones, before those of earlier ones."""
    return f"{prefix}{_backwards(at)}~"
