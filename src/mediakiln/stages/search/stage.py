"""What is read: the assets that answer a question."""

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

from mediakiln.model.asset import Asset
from mediakiln.model.errors import InvalidRequest
from mediakiln.model.kind import AssetState, Kind
from mediakiln.model.terms import FORMATS, formats
from mediakiln.ports.catalog import Catalog, Page, Record
from mediakiln.stages.search.places import Places, terms_key
from mediakiln.stages.search.question import Question

T = TypeVar("T")

MOST_LOOKED_AT: Final = 1_000
"""Records that one page of answers may take; a page may be shorter for it, and not be the last."""
_BATCH: Final = 100
_AT_ONCE: Final = 16
_CURSOR_CHARS: Final = 1_000
_OF_RECORDS: Final = "~"
"""Begins the cursors of pages that read assets' own records."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class _Asked:
    """One page of answers in the making."""

    project: str
    question: Question
    state: AssetState | None
    kind: Kind | None
    limit: int
    found: list[Asset] = field(default_factory=list)
    looked_at: int = 0

    def wants(self, asset: Asset) -> bool:
        return (
            asset.project == self.project
            and asset.state is not AssetState.DELETING
            and self.state in {None, asset.state}
            and self.kind in {None, asset.kind}
        )

    @property
    def spent(self) -> bool:
        return self.looked_at >= MOST_LOOKED_AT


class Search:
    """Answers out of the index, and out of records for what is not in it."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._places = Places(catalog)

    async def find(
        self,
        project: str,
        text: str,
        *,
        state: AssetState | None = None,
        kind: Kind | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page:
        """Assets of a project that have all the words, newest first for one word.

        By beginnings alone they come in the order of the words that begin so; by words of
        formats alone, those that are called so come before those that are so. A page may hold
        fewer than `limit`, even none; the last one has no cursor.

        Raises:
            InvalidRequest: the question or the cursor is none.
        """
        asked = _Asked(project, Question.of(text), state, kind, limit)
        place = _opened(cursor) if cursor else ""
        if place.startswith(_OF_RECORDS) and not asked.question.of_formats:
            raise _not_ours()
        if not place.startswith(_OF_RECORDS):
            stopped = await self._entries(asked, place)
            if stopped is not None or not asked.question.of_formats:
                return Page(asked.found, stopped and _sealed(stopped))
            place = _OF_RECORDS
        stopped = await self._records(asked, place)
        return Page(asked.found, stopped and _sealed(stopped))

    async def _entries(self, asked: _Asked, place: str) -> str | None:
        """Add what entries of the leading term name, from a place on; the place where it stopped.

        None: there are no more.
        """
        leading = asked.question.leading
        prefix = f"{asked.project}/{leading}" + ("" if asked.question.begun else "/")
        records, after = self._places.entries(asked.project, leading), prefix + place
        while not asked.spent:
            batch, more = await records.list(prefix, limit=_BATCH, start_after=after)
            asked.looked_at += len(batch)
            for key, asset in (await self._named(asked, batch)).items():
                asked.found.append(asset)
                if len(asked.found) == asked.limit:
                    return key.removeprefix(prefix)
            if more is None:
                return None
            after = batch[-1].key if batch else after
        return after.removeprefix(prefix)

    async def _named(self, asked: _Asked, batch: Sequence[Record]) -> Mapping[str, Asset]:
        """The assets that answer, by the key of the entry that named them."""
        ids = {record.key: str(record.value["asset"]) for record in batch}
        there = await self._catalog.get_many(list(dict.fromkeys(ids.values())))
        wanted = {
            key: asset
            for key, id in ids.items()
            if (asset := there.get(id)) is not None and asked.wants(asset)
        }
        if asked.question.single:
            return wanted

        async def answers(item: tuple[str, Asset]) -> bool:
            key, asset = item
            terms = await self._terms(asset)
            return asked.question.met_by(terms, formats(asset)) and asked.question.first_at(
                key.split("/")[1], terms
            )

        return dict(await _those(answers, list(wanted.items())))

    async def _records(self, asked: _Asked, place: str) -> str | None:
        """Add assets whose own records have the leading word, and that no entry named.

        A word of one kind is looked for in that kind only.
        """
        leading = asked.question.leading
        of_kind = FORMATS[leading]
        if None not in {asked.kind, of_kind} and asked.kind is not of_kind:
            return None

        async def answers(asset: Asset) -> bool:
            own = formats(asset)
            if not asked.wants(asset) or leading not in own:
                return False
            terms = await self._terms(asset)
            return leading not in terms and asked.question.met_by(terms, own)

        told, _, cursor = place.removeprefix(_OF_RECORDS).partition(_OF_RECORDS)
        while not asked.spent:
            page = await self._catalog.list(
                asked.project,
                state=asked.state,
                kind=asked.kind or of_kind,
                limit=_BATCH,
                cursor=cursor or None,
            )
            asked.looked_at += len(page.assets)
            fresh = [asset for asset in page.assets if not told or _rank(asset) < told]
            for asset in await _those(answers, fresh):
                asked.found.append(asset)
                if len(asked.found) == asked.limit:
                    return f"{_OF_RECORDS}{_rank(asset)}{_OF_RECORDS}{cursor}"
            if page.cursor is None:
                return None
            told, cursor = "", page.cursor
        return f"{_OF_RECORDS}{_OF_RECORDS}{cursor}"

    async def _terms(self, asset: Asset) -> Sequence[str]:
        """The terms that an asset has entries of."""
        records = self._places.terms(asset.project, asset.id)
        record = await records.get(terms_key(asset.project, asset.id))
        return record.value["terms"] if record is not None else ()


async def _those(answers: Callable[[T], Awaitable[bool]], items: Sequence[T]) -> list[T]:
    """The items that answer, in their order; some are asked at once."""
    several = asyncio.Semaphore(_AT_ONCE)

    async def one(item: T) -> bool:
        async with several:
            return await answers(item)

    told = await asyncio.gather(*map(one, items))
    return [item for item, yes in zip(items, told, strict=True) if yes]


def _rank(asset: Asset) -> str:
    """Falls from the newest asset to the oldest, as catalogs list them."""
    return f"{(asset.created_at - _EPOCH) // timedelta(microseconds=1):017}-{asset.id}"


def _sealed(place: str) -> str:
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def _opened(cursor: str) -> str:
    try:
        padded = cursor[:_CURSOR_CHARS] + "=" * (-len(cursor[:_CURSOR_CHARS]) % 4)
        place = base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except (ValueError, binascii.Error):
        place = "\0"
    if "\0" in place:
        raise _not_ours()
    return place


def _not_ours() -> InvalidRequest:
    return InvalidRequest(
        "the cursor is not one of this list",
        field="cursor",
        hint="start again without a cursor",
    )
