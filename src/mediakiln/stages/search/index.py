"""What is written: the entries of an asset's terms, and the record that names them all."""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Final

from mediakiln.model.asset import Asset, StepProducts
from mediakiln.model.errors import ObjectMissing, VersionConflict
from mediakiln.model.keys import Bucket
from mediakiln.model.kind import AssetState
from mediakiln.model.product import Manifest, StoredFile
from mediakiln.model.terms import SEARCHED, named, terms_of
from mediakiln.ports.catalog import Catalog, Record
from mediakiln.ports.object_store import ObjectStore
from mediakiln.stages.search.places import Places, entry_key, terms_key

MOST_TERMS: Final = 250
"""Of one asset: name and tags come first, then labels, codes, keywords and read text."""
_AT_ONCE: Final = 16


class Index:
    """Writes the index. Without `names`, assets are found only by what steps found in them."""

    def __init__(self, catalog: Catalog, store: ObjectStore, *, names: bool = True) -> None:
        self._places = Places(catalog)
        self._store = store
        self._names = names

    async def enter(self, asset: Asset) -> None:
        """Make a new asset be found by its name and tags. May run again.

        Whoever enters an asset writes its record next; where the record says then that the asset
        is deleted, it must `leave`: nobody may have seen the entries that were to be forgotten.
        """
        terms = self._named(asset)
        if asset.run > 1 or not terms:
            return
        # At once, so that an engine may write them together. Should the entries be all that is
        # written, the next call names them; should there be none, they follow from the record.
        await asyncio.gather(self._name(asset, terms), self._put(asset.project, asset.id, terms))

    async def leave(self, asset: Asset) -> None:
        """Undo `enter`, also one that was cut short, given the asset under the name it had."""
        await self._drop(asset.project, asset.id, self._named(asset))
        await self.forget(asset.project, asset.id)

    async def index(self, asset: Asset) -> None:
        """Make an asset be found by what it is called and its products say, and by nothing else.

        May run again, and ends what an earlier call left half done.

        Raises:
            VersionConflict: somebody else is at it: try again.
        """
        if asset.state is AssetState.DELETING:
            await self.forget(asset.project, asset.id)
            return
        searched = [step for step in asset.published.values() if step.op in SEARCHED]
        if asset.run == 1 and not searched:
            return  # `enter` did all there is to do
        key = terms_key(asset.project, asset.id)
        record = await self._places.terms(asset.project, asset.id).get(key)
        found = await self._found_in(searched)
        terms = list(dict.fromkeys([*self._named(asset), *found]))[:MOST_TERMS]
        if record is None and not terms:
            return
        if record is None or record.value != {"terms": terms, "whole": True}:
            await self._replace(asset, record, terms)

    async def forget(self, project: str, id: str) -> None:
        """Make an asset be found no more. Again is no error."""
        records, key = self._places.terms(project, id), terms_key(project, id)
        while (record := await records.get(key)) is not None:
            await self._drop(project, id, record.value["terms"])
            with suppress(VersionConflict):  # there are more of them by now
                await records.delete(key, expected=record.version)

    async def _replace(self, asset: Asset, record: Record | None, terms: list[str]) -> None:
        """Write the asset's terms, then their entries; meanwhile both old and new are named."""
        project, id = asset.project, asset.id
        records, key = self._places.terms(project, id), terms_key(project, id)
        before: list[str] = list(record.value["terms"]) if record is not None else []
        there = set(before) if record is not None and record.value["whole"] else set()
        version = await records.put(
            key,
            {"terms": list(dict.fromkeys([*terms, *before])), "whole": False},
            expected=record.version if record is not None else None,
        )
        await self._put(project, id, [term for term in terms if term not in there])
        await self._drop(project, id, [term for term in before if term not in terms])
        try:
            await records.put(key, {"terms": terms, "whole": True}, expected=version)
        except VersionConflict:
            if await records.get(key) is None:  # it was to be forgotten meanwhile
                await self._drop(project, id, terms)
            raise

    async def _name(self, asset: Asset, terms: list[str]) -> None:
        with suppress(VersionConflict):  # an earlier call wrote it
            await self._places.terms(asset.project, asset.id).put(
                terms_key(asset.project, asset.id), {"terms": terms, "whole": True}
            )

    async def _put(self, project: str, id: str, terms: Iterable[str]) -> None:
        several = asyncio.Semaphore(_AT_ONCE)

        async def put(term: str) -> None:
            async with several:
                with suppress(VersionConflict):  # it is there
                    await self._places.entries(project, term).put(
                        entry_key(project, term, id), {"asset": id}
                    )

        await asyncio.gather(*map(put, terms))

    async def _drop(self, project: str, id: str, terms: Iterable[str]) -> None:
        several = asyncio.Semaphore(_AT_ONCE)

        async def drop(term: str) -> None:
            async with several:
                await self._places.entries(project, term).delete(entry_key(project, term, id))

        await asyncio.gather(*map(drop, terms))

    def _named(self, asset: Asset) -> list[str]:
        return named(asset) if self._names else []

    async def _found_in(self, searched: Sequence[StepProducts]) -> list[str]:
        terms: dict[str, None] = {}
        for step in sorted(searched, key=lambda each: SEARCHED.index(each.op)):
            for file in await self._files(step):
                terms |= dict.fromkeys(terms_of(step.op, file.metadata))
        return list(terms)

    async def _files(self, step: StepProducts) -> Sequence[StoredFile]:
        if step.files is not None:
            return step.files
        try:
            raw = await self._store.get(Bucket.PRODUCTION, step.manifest)
        except ObjectMissing:  # deleted meanwhile
            return ()
        return Manifest.model_validate_json(raw).files
