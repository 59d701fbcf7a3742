"""The part of the catalog contract that is about search: its index lies in records spaces."""

import asyncio
from typing import Any

import pytest

from mediakiln.adapters.object_store.memory import MemoryObjectStore
from mediakiln.model.asset import Asset, StepProducts
from mediakiln.model.clock import utc_now
from mediakiln.model.errors import InvalidRequest, VersionConflict
from mediakiln.model.kind import AssetState, Kind
from mediakiln.model.product import StoredFile
from mediakiln.ports.catalog import Catalog
from mediakiln.stages.search import Index, Search
from mediakiln.stages.search.places import Places, terms_key
from mediakiln.testing.catalog_samples import an_asset, changed


class SearchTests:
    """Assets are found by names, tags and what steps found, and then no more."""

    async def test_assets_are_found_by_all_words_newest_first(self, catalog: Catalog) -> None:
        cat, dog, both = await put(
            catalog, labelled("tabby cat"), labelled("Dog"), labelled("dog", "Cat")
        )
        assert await found(catalog, "cat") == [both, cat]
        assert await found(catalog, "DOG cat") == [both]
        assert await found(catalog, "tabby-cat") == [cat]
        assert await found(catalog, "dog") == [both, dog]
        assert await found(catalog, "ca") == []

    async def test_names_and_tags_are_found_as_soon_as_they_are_entered(
        self, catalog: Catalog, second: Catalog
    ) -> None:
        report = an_asset(name="Q3_report-final (2).PDF", tags=("Ärger", "site: Köln"))
        photo = an_asset(name="IMG_0042.jpg", tags=("koln",))
        for asset in (report, photo):
            await index(catalog).enter(asset)
            await catalog.create(asset)
        for text in ("report", "q3 FINAL", "2 report", "arger", "site koln", "repo* final"):
            assert await found(second, text) == [report.id], text
        assert await found(second, "köln") == [photo.id, report.id]
        assert await found(second, "0042") == [photo.id]

    async def test_words_of_formats_find_what_is_called_so_then_what_is_so(
        self, catalog: Catalog
    ) -> None:
        scan = an_asset(name="scan.pdf", media_type="application/pdf", kind=Kind.DOCUMENT)
        named = an_asset(name="pdf icon.png", media_type="image/png", kind=Kind.IMAGE)
        photo = an_asset(name="photo.jpg", media_type="image/jpeg", kind=Kind.IMAGE)
        await put(catalog, scan, named, photo)
        for limit in (1, 2, 50):
            assert await found(catalog, "pdf", limit=limit) == [named.id, scan.id]
            assert await found(catalog, "image", limit=limit) == [photo.id, named.id]
        assert await found(catalog, "image jpeg") == [photo.id]
        assert await found(catalog, "application/pdf") == [scan.id]
        assert await found(catalog, "icon png") == [named.id]
        assert await found(catalog, "scan* document") == [scan.id]
        assert await found(catalog, "jpg", kind=Kind.VIDEO) == []
        assert await found(catalog, "png pd*") == [named.id]
        assert await found(catalog, "pdf pd*") == [named.id]

    async def test_a_beginning_finds_each_asset_once(self, catalog: Catalog) -> None:
        first, second, _ = await put(
            catalog, labelled("invoice", "invoices"), labelled("invoiced", "total"), labelled("in")
        )
        assert await found(catalog, "invo*", limit=1) == [first, second]
        assert await found(catalog, "total invo*") == [second]
        assert await found(catalog, "tot* invo*") == [second]
        assert await found(catalog, "in* of*") == []

    async def test_pages_follow_one_another_without_gap_or_double(self, catalog: Catalog) -> None:
        ids = await put(catalog, *(labelled("cat", f"number {n}") for n in range(5)))
        for limit in (1, 2, 5, 50):
            assert await found(catalog, "cat number", limit=limit) == ids[::-1]
            assert await found(catalog, "jpg", limit=limit) == ids[::-1]

    async def test_states_kinds_and_projects_are_kept_apart(self, catalog: Catalog) -> None:
        ours, failed, theirs = await put(
            catalog,
            labelled("cat"),
            labelled("cat", state=AssetState.FAILED),
            labelled("cat", project="other"),
        )
        assert await found(catalog, "cat", state=AssetState.FAILED) == [failed]
        assert await found(catalog, "cat", kind=Kind.VIDEO) == []
        for text in ("cat", "photo ca*", "jpg"):
            assert await found(catalog, text) == [failed, ours], text
            assert await found(catalog, text, "other") == [theirs], text
        assert await found(catalog, "cat", "othe") == []

    async def test_words_of_every_script_are_found(self, catalog: Catalog) -> None:
        long = "\U00010330" * 60
        words = ("日本語カタログ", "naïveté", "Ελλάδα", "القاهرة", "ﬁle", long, "%_\\'x", "東京")
        ids = await put(catalog, *(an_asset(name=f"{word[:50]}.jpg") for word in words))
        for word, id in zip(words, ids, strict=True):
            assert await found(catalog, word[:50]) == [id], word
        assert await found(catalog, "カタ*") == [ids[0]]
        assert await found(catalog, "\U00010330\U00010330*") == [ids[5]]

    async def test_another_run_changes_what_an_asset_is_found_by(self, catalog: Catalog) -> None:
        asset = labelled("cat", "sofa", name="one.jpg")
        await put(catalog, asset)
        again = asset.model_copy(update={"run": 2, "published": seen("dog", "sofa")})
        for _ in range(2):
            await index(catalog).index(again)
        assert await found(catalog, "cat") == []
        assert await found(catalog, "dog sofa one") == [asset.id]
        await index(catalog).index(again.model_copy(update={"published": {}}))
        assert await found(catalog, "sofa") == []
        assert await found(catalog, "one") == [asset.id]

    async def test_two_that_index_at_once_leave_one_whole_answer(
        self, catalog: Catalog, second: Catalog
    ) -> None:
        asset = labelled("cat", "dog")
        await catalog.create(asset)
        both = [index(catalog).index(asset), index(second).index(asset)]
        ends = await asyncio.gather(*both, return_exceptions=True)
        assert all(end is None or isinstance(end, VersionConflict) for end in ends)
        await index(catalog).index(asset)
        assert await found(second, "cat dog") == [asset.id]

    async def test_a_deleted_asset_is_not_found_and_a_forgotten_one_leaves_nothing(
        self, catalog: Catalog
    ) -> None:
        asset = labelled("cat", "dog", name="secret plan.jpg", tags=("mine",))
        await put(catalog, asset)
        gone = await catalog.update(changed(asset, state=AssetState.DELETING), expected=1)
        for text in ("cat", "cat dog", "secret", "jpg", "secret jpg", "min*"):
            assert await found(catalog, text) == [], text
            assert await found(catalog, text, state=AssetState.DELETING) == [], text
        await index(catalog).index(gone)
        await index(catalog).forget(asset.project, asset.id)
        assert await index_keys(catalog) == []

    async def test_what_is_forgotten_while_it_is_indexed_leaves_nothing(
        self, catalog: Catalog, second: Catalog
    ) -> None:
        asset = labelled(*(f"word{n}" for n in range(20)), name="plan.jpg")
        await index(catalog).enter(asset)
        await asyncio.gather(
            index(catalog).index(asset),
            index(second).forget(asset.project, asset.id),
            return_exceptions=True,
        )
        await index(catalog).forget(asset.project, asset.id)
        assert await index_keys(catalog) == []

    async def test_what_was_entered_in_part_is_left_whole(self, catalog: Catalog) -> None:
        asset = an_asset(name="secret plan.jpg", tags=("mine", "\U0001f600 Köln"))
        await index(catalog).enter(asset)
        key = terms_key(asset.project, asset.id)
        await Places(catalog).terms(asset.project, asset.id).delete(key)
        assert len(await index_keys(catalog)) == 4
        await index(catalog).leave(asset)
        assert await index_keys(catalog) == []

    async def test_a_cursor_that_is_none_is_refused(self, catalog: Catalog) -> None:
        await put(catalog, an_asset(kind=Kind.IMAGE))
        for bad in ("!", "AA", "é", "fn4h", "fn5-"):
            for text in ("cat", "jpg"):
                with pytest.raises(InvalidRequest):
                    await Search(catalog).find("default", text, cursor=bad)


def index(catalog: Catalog) -> Index:
    """The index in a catalog; no step of these tests has a manifest to be read."""
    return Index(catalog, MemoryObjectStore.from_url("memory://"))


def seen(*names: str) -> dict[str, StepProducts]:
    """The products of a step that saw these labels."""
    file = StoredFile(
        file="labels.json",
        media_type="application/json",
        bytes=1,
        checksum="blake3:0",
        key="k",
        metadata={"labels": [{"name": name} for name in names]},
    )
    step = StepProducts(
        op="image.labels",
        manifest="m",
        digest="d",
        run=1,
        attempt=1,
        made_on=utc_now().date(),
        count=1,
        total_bytes=1,
        files=(file,),
    )
    return {"seen": step}


def labelled(*names: str, **fields: Any) -> Asset:
    """A picture in which these labels were seen."""
    plain: dict[str, Any] = {"state": AssetState.READY, "kind": Kind.IMAGE}
    return an_asset(**(plain | {"published": seen(*names)} | fields))


async def put(catalog: Catalog, *assets: Asset) -> list[str]:
    """Write and index assets; their ids."""
    for asset in assets:
        await catalog.create(asset)
        await index(catalog).enter(asset)
        await index(catalog).index(asset)
    return [asset.id for asset in assets]


async def found(catalog: Catalog, text: str, project: str = "default", **asked: Any) -> list[str]:
    """The ids on all pages together."""
    ids: list[str] = []
    cursor: str | None = None
    while True:
        page = await Search(catalog).find(project, text, cursor=cursor, **asked)
        ids += [asset.id for asset in page.assets]
        cursor = page.cursor
        if cursor is None:
            return ids


async def index_keys(catalog: Catalog) -> list[str]:
    """The keys of everything in the index."""
    spaces = [f"{name}-{n:02}" for name in ("found", "terms") for n in range(64)]
    listed = await asyncio.gather(*(catalog.records(space).list() for space in spaces))
    return [record.key for records, _ in listed for record in records]
