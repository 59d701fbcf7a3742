"""Search: find assets by the words that their steps found in them.

Each term of an asset is a record whose key is project, term, and the asset's id turned around,
so that a term's assets are listed newest first, and a beginning's terms lie together. Beside it
one record per asset names all its terms. Records are spread over many spaces, by a term's first
two letters or by the asset, since an engine may keep a space in one place.
"""

import asyncio
import base64
import binascii
import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from mediakiln.model.asset import Asset, StepProducts
from mediakiln.model.errors import InvalidRequest, ObjectMissing, VersionConflict
from mediakiln.model.keys import Bucket
from mediakiln.model.kind import AssetState, Kind
from mediakiln.model.product import Manifest, StoredFile
from mediakiln.model.terms import SEARCHED, terms_of, words
from mediakiln.ports.catalog import Catalog, Page, Record, Records
from mediakiln.ports.object_store import ObjectStore

MOST_TERMS: Final = 250
"""Of one asset: labels come first, then codes, keywords and read text."""
MOST_ASKED: Final = 16
"""Words of one question."""
MOST_LOOKED_AT: Final = 1_000
"""Records that one page of answers may take; a page may be shorter for it, and not be the last."""
_SPACES: Final = 64
_LEAST_BEGINNING: Final = 2
_BATCH: Final = 100
_AT_ONCE: Final = 16
_CURSOR_CHARS: Final = 1_000
_LAST_ID: Final = (1 << 128) - 1


@dataclass(frozen=True, slots=True)
class Question:
    """What is looked for: all of the words, and words with all of the beginnings."""

    words: tuple[str, ...]
    beginnings: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> "Question":
        """Read a question: words, of which those that end with `*` are beginnings.

        Raises:
            InvalidRequest: it has no word, too many, or too short a beginning.
        """
        whole: list[str] = []
        begun: list[str] = []
        for part in text.split():
            found = words(part)
            if part.endswith("*") and found:
                begun.append(found.pop())
            whole += found
        if not whole and not begun:
            raise InvalidRequest("a search names at least one word", field="q")
        if len(whole) + len(begun) > MOST_ASKED:
            raise InvalidRequest("the search has too many words", field="q", limit=MOST_ASKED)
        for beginning in begun:
            if len(beginning) < _LEAST_BEGINNING:
                raise InvalidRequest(
                    f"{beginning}* is too short", field="q", limit=_LEAST_BEGINNING
                )
        return cls(tuple(dict.fromkeys(whole)), tuple(dict.fromkeys(begun)))

    @property
    def leading(self) -> str:
        """The term, or the beginning of terms, whose records are read: the longest, so the rarest.

        What is left is looked up in the terms of the assets that these name.
        """
        return max(self.words or self.beginnings, key=len)

    def met_by(self, terms: Collection[str], *, at: str) -> bool:
        """Whether an asset's terms answer it, seen from its record of the term `at`.

        An asset with several terms of one beginning is taken at the first of them only.
        """
        if not all(word in terms for word in self.words):
            return False
        if not all(any(map(_begins(start), terms)) for start in self.beginnings):
            return False
        return bool(self.words) or at == min(filter(_begins(self.leading), terms), default="")


class Search:
    """The index of what was found in assets."""

    def __init__(self, catalog: Catalog, store: ObjectStore) -> None:
        self._catalog = catalog
        self._store = store

    async def index(self, asset: Asset) -> None:
        """Make an asset be found by what its products say now, and by nothing else.

        May run again, and ends what an earlier call left half done.

        Raises:
            VersionConflict: somebody else is at it: try again.
        """
        if asset.state is AssetState.DELETING:
            await self.forget(asset.project, asset.id)
            return
        searched = [step for step in asset.published.values() if step.op in SEARCHED]
        if asset.run == 1 and not searched:
            return
        record = await self._terms(asset.project, asset.id).get(_key(asset.project, asset.id))
        if record is None and not searched:
            return
        terms = await self._found_in(searched)
        if record is None or record.value != {"terms": terms, "whole": True}:
            await self._replace(asset, record, terms)

    async def forget(self, project: str, id: str) -> None:
        """Make an asset be found no more. Again is no error."""
        records, key = self._terms(project, id), _key(project, id)
        record = await records.get(key)
        if record is not None:
            await self._drop(project, id, record.value["terms"])
            await records.delete(key)

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

        By beginnings alone they come in the order of the words that begin so. A page may hold
        fewer than `limit`, even none; the last one has no cursor.

        Raises:
            InvalidRequest: the question or the cursor is none.
        """
        question = Question.of(text)
        leading = question.leading
        prefix = f"{project}/{leading}/" if question.words else f"{project}/{leading}"
        after = prefix + _opened(cursor) if cursor else ""
        records = self._space(project, leading)
        found: list[Asset] = []
        for _ in range(0, MOST_LOOKED_AT, _BATCH):
            batch, more = await records.list(prefix, limit=_BATCH, start_after=after)
            for key, asset in (await self._answering(project, question, batch)).items():
                if state in {None, asset.state} and kind in {None, asset.kind}:
                    found.append(asset)
                    if len(found) == limit:
                        return Page(found, _sealed(key.removeprefix(prefix)))
            if more is None:
                return Page(found, None)
            after = batch[-1].key if batch else after
        return Page(found, _sealed(after.removeprefix(prefix)))

    async def _answering(
        self, project: str, question: Question, batch: Sequence[Record]
    ) -> Mapping[str, Asset]:
        """The assets that answer, by the key of the record that named them."""
        ids = {record.key: str(record.value["asset"]) for record in batch}
        there = await self._catalog.get_many(list(dict.fromkeys(ids.values())))
        alive = {
            key: asset
            for key, id in ids.items()
            if (asset := there.get(id)) is not None
            and asset.project == project
            and asset.state is not AssetState.DELETING
        }
        if len(question.words) == 1 and not question.beginnings:
            return alive
        several = asyncio.Semaphore(_AT_ONCE)

        async def answers(key: str, asset: Asset) -> bool:
            async with several:
                record = await self._terms(project, asset.id).get(_key(project, asset.id))
            return record is not None and question.met_by(
                record.value["terms"], at=key.split("/")[1]
            )

        answered = await asyncio.gather(*(answers(*item) for item in alive.items()))
        return {key: alive[key] for key, yes in zip(alive, answered, strict=True) if yes}

    async def _replace(self, asset: Asset, record: Record | None, terms: list[str]) -> None:
        """Write the asset's terms, then their records; meanwhile both old and new are named."""
        records, key = self._terms(asset.project, asset.id), _key(asset.project, asset.id)
        before: list[str] = list(record.value["terms"]) if record is not None else []
        both = list(dict.fromkeys([*terms, *before]))
        version = await records.put(
            key,
            {"terms": both, "whole": False},
            expected=record.version if record is not None else None,
        )
        several = asyncio.Semaphore(_AT_ONCE)

        async def name(term: str) -> None:
            async with several:
                with suppress(VersionConflict):  # it is there
                    await self._space(asset.project, term).put(
                        _entry(asset.project, term, asset.id), {"asset": asset.id}
                    )

        await asyncio.gather(*map(name, terms))
        await self._drop(asset.project, asset.id, [term for term in before if term not in terms])
        await records.put(key, {"terms": terms, "whole": True}, expected=version)

    async def _drop(self, project: str, id: str, terms: Iterable[str]) -> None:
        several = asyncio.Semaphore(_AT_ONCE)

        async def drop(term: str) -> None:
            async with several:
                await self._space(project, term).delete(_entry(project, term, id))

        await asyncio.gather(*map(drop, terms))

    async def _found_in(self, searched: Sequence[StepProducts]) -> list[str]:
        terms: dict[str, None] = {}
        for step in sorted(searched, key=lambda each: SEARCHED.index(each.op)):
            for file in await self._files(step):
                terms |= dict.fromkeys(terms_of(step.op, file.metadata))
        return list(terms)[:MOST_TERMS]

    async def _files(self, step: StepProducts) -> Sequence[StoredFile]:
        if step.files is not None:
            return step.files
        try:
            raw = await self._store.get(Bucket.PRODUCTION, step.manifest)
        except ObjectMissing:  # deleted meanwhile
            return ()
        return Manifest.model_validate_json(raw).files

    def _space(self, project: str, term: str) -> Records:
        return self._catalog.records(f"found-{_slot(_key(project, term[:_LEAST_BEGINNING]))}")

    def _terms(self, project: str, id: str) -> Records:
        return self._catalog.records(f"terms-{_slot(_key(project, id))}")


def _begins(start: str) -> Any:
    return lambda term: term.startswith(start)


def _slot(text: str) -> str:
    return f"{zlib.crc32(text.encode()) % _SPACES:02}"


def _key(project: str, name: str) -> str:
    return f"{project}/{name}"


def _entry(project: str, term: str, id: str) -> str:
    """Keys are listed upwards and ids rise with time: turned around, the newest comes first."""
    return f"{project}/{term}/{_LAST_ID - UUID(id).int:032x}"


def _sealed(place: str) -> str:
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def _opened(cursor: str) -> str:
    try:
        padded = cursor[:_CURSOR_CHARS] + "=" * (-len(cursor[:_CURSOR_CHARS]) % 4)
        place = base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except (ValueError, binascii.Error):
        place = "\0"
    if "\0" in place:
        raise InvalidRequest(
            "the cursor is not one of this list", hint="start again without a cursor"
        )
    return place
