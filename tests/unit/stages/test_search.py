"""Assets are found by what their steps found in them, on every engine alike."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mediakiln.adapters.catalog.memory import MemoryCatalog
from mediakiln.adapters.catalog.sqlite import SqliteCatalog
from mediakiln.adapters.object_store.memory import MemoryObjectStore
from mediakiln.model.asset import Asset, Source, StepProducts
from mediakiln.model.clock import utc_now
from mediakiln.model.errors import InvalidRequest, VersionConflict
from mediakiln.model.ids import derived_id, new_id
from mediakiln.model.keys import Bucket
from mediakiln.model.kind import AssetState, Kind
from mediakiln.model.product import Lineage, Manifest, StoredFile
from mediakiln.ports.catalog import Catalog
from mediakiln.stages.search import MOST_LOOKED_AT, MOST_TERMS, Search
from support.world import World


@pytest.fixture(params=["memory", "sqlite"])
async def catalog(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Catalog]:
    engine: Catalog = (
        MemoryCatalog.from_url("memory://")
        if request.param == "memory"
        else SqliteCatalog.from_url(f"sqlite:///{tmp_path / 'catalog.db'}")
    )
    await engine.ensure()
    yield engine
    await engine.close()


@pytest.fixture
def store() -> MemoryObjectStore:
    return MemoryObjectStore.from_url("memory://")


@pytest.fixture
def search(catalog: Catalog, store: MemoryObjectStore) -> Search:
    return Search(catalog, store)


def _file(metadata: dict[str, Any]) -> StoredFile:
    return StoredFile(
        file="x.json",
        media_type="application/json",
        bytes=1,
        checksum="blake3:0",
        key="k",
        metadata=metadata,
    )


def _step(op: str, metadata: dict[str, Any]) -> StepProducts:
    return StepProducts(
        op=op,
        manifest="m",
        digest="d",
        run=1,
        attempt=1,
        made_on=utc_now().date(),
        count=1,
        total_bytes=1,
        files=(_file(metadata),),
    )


def _labelled(*names: str) -> StepProducts:
    return _step("image.labels", {"labels": [{"name": name} for name in names]})


def _asset(*names: str, **changed: Any) -> Asset:
    now = utc_now()
    asset = Asset(
        id=new_id(),
        name="a.jpg",
        bytes=1,
        state=AssetState.READY,
        kind=Kind.IMAGE,
        source=Source(key="k"),
        published={"seen": _labelled(*names)},
        created_at=now,
        run_started_at=now,
        updated_at=now,
    )
    return asset.model_copy(update=changed)


async def _put(catalog: Catalog, search: Search, *assets: Asset) -> list[str]:
    for asset in assets:
        await catalog.create(asset)
        await search.index(asset)
    return [asset.id for asset in assets]


async def _found(search: Search, text: str, project: str = "default", **asked: Any) -> list[str]:
    """All pages together."""
    found: list[str] = []
    cursor: str | None = None
    while True:
        page = await search.find(project, text, cursor=cursor, **asked)
        found += [asset.id for asset in page.assets]
        cursor = page.cursor
        if cursor is None:
            return found


async def test_assets_are_found_by_all_words_newest_first(catalog: Catalog, search: Search) -> None:
    cat, dog, both = await _put(
        catalog, search, _asset("tabby cat"), _asset("Dog"), _asset("dog", "Cat")
    )
    assert await _found(search, "cat") == [both, cat]
    assert await _found(search, "DOG cat") == [both]
    assert await _found(search, "tabby-cat") == [cat]
    assert await _found(search, "dog") == [both, dog]
    assert await _found(search, "ca") == []


async def test_a_beginning_finds_each_asset_once(catalog: Catalog, search: Search) -> None:
    first, second, _ = await _put(
        catalog, search, _asset("invoice", "invoices"), _asset("invoiced", "total"), _asset("in")
    )
    assert await _found(search, "invo*", limit=1) == [first, second]
    assert await _found(search, "total invo*") == [second]
    assert await _found(search, "tot* invo*") == [second]
    assert await _found(search, "in* of*") == []


async def test_pages_follow_one_another_without_gap_or_double(
    catalog: Catalog, search: Search
) -> None:
    ids = await _put(catalog, search, *(_asset("cat", f"number {n}") for n in range(7)))
    for limit in (1, 3, 7, 50):
        assert await _found(search, "cat", limit=limit) == ids[::-1]
        assert await _found(search, "cat number", limit=limit) == ids[::-1]


async def test_states_kinds_and_projects_are_kept_apart(catalog: Catalog, search: Search) -> None:
    ours, failed, theirs = await _put(
        catalog,
        search,
        _asset("cat"),
        _asset("cat", state=AssetState.FAILED),
        _asset("cat", project="other"),
    )
    assert await _found(search, "cat", state=AssetState.FAILED) == [failed]
    assert await _found(search, "cat", kind=Kind.VIDEO) == []
    assert await _found(search, "cat") == [failed, ours]
    assert await _found(search, "cat", project="other") == [theirs]


async def test_another_run_changes_what_an_asset_is_found_by(
    catalog: Catalog, search: Search
) -> None:
    asset = _asset("cat", "sofa")
    await _put(catalog, search, asset)
    again = asset.model_copy(update={"run": 2, "published": {"seen": _labelled("dog", "sofa")}})
    for _ in range(2):
        await search.index(again)
    assert await _found(search, "cat") == []
    assert await _found(search, "dog sofa") == [asset.id]
    await search.index(again.model_copy(update={"published": {}}))
    assert await _found(search, "sofa") == []


async def test_what_was_left_half_done_is_ended(catalog: Catalog, search: Search) -> None:
    asset = _asset("cat", "dog")
    await _put(catalog, search, asset)
    forward = search._terms("default", asset.id)
    record = await forward.get(f"default/{asset.id}")
    assert record is not None
    await forward.put(
        record.key, {"terms": ["cat", "dog"], "whole": False}, expected=record.version
    )
    for key in [row.key for row in (await search._space("default", "dog").list())[0]]:
        await search._space("default", "dog").delete(key)
    assert await _found(search, "dog") == []
    await search.index(asset)
    assert await _found(search, "dog") == [asset.id]


async def test_a_deleted_asset_is_not_found_and_a_forgotten_one_leaves_nothing(
    catalog: Catalog, search: Search
) -> None:
    asset = _asset("cat", "dog")
    await _put(catalog, search, asset)
    gone = await catalog.update(asset.model_copy(update={"state": AssetState.DELETING}), expected=1)
    assert await _found(search, "cat") == []
    assert await _found(search, "cat dog") == []
    await search.index(gone)
    for _ in range(2):
        await search.forget("default", asset.id)
    for records in (search._space("default", "cat"), search._terms("default", asset.id)):
        assert (await records.list())[0] == []


async def test_a_long_list_of_files_is_read_from_its_manifest(
    catalog: Catalog, search: Search, store: MemoryObjectStore
) -> None:
    manifest = Manifest(
        project="default",
        asset="a",
        run=1,
        attempt=1,
        step="seen",
        product_key="p",
        files=(_file({"text": [{"text": "Total due"}]}),),
        lineage=Lineage(source="s", operation="image.ocr", version=1, params={}),
        seconds=1.0,
        created_at=utc_now(),
    )
    await store.put(Bucket.PRODUCTION, "m", manifest.encode())
    step = _step("image.ocr", {}).model_copy(update={"files": None})
    (id,) = await _put(catalog, search, _asset(published={"seen": step}))
    assert await _found(search, "total due") == [id]


async def test_of_too_many_words_labels_stay_and_read_text_goes(
    catalog: Catalog, search: Search
) -> None:
    text = [{"text": f"word{n}"} for n in range(MOST_TERMS)]
    steps = {"read": _step("image.ocr", {"text": text}), "seen": _labelled("cat")}
    (id,) = await _put(catalog, search, _asset(published=steps))
    assert await _found(search, "cat word0") == [id]
    assert await _found(search, f"word{MOST_TERMS - 1}") == []


async def test_assets_without_words_cost_nothing(catalog: Catalog, search: Search) -> None:
    asset = _asset(published={"web": _step("image.resize", {"labels": [{"name": "cat"}]})})
    await _put(catalog, search, asset)
    assert await search._terms("default", asset.id).get(f"default/{asset.id}") is None


@pytest.mark.parametrize(
    "text", ["", " ", "***", "- _ /", "a*", " ".join(f"w{n}" for n in range(17))]
)
async def test_what_is_no_question_is_refused(search: Search, text: str) -> None:
    with pytest.raises(InvalidRequest):
        await search.find("default", text)


@pytest.mark.parametrize("cursor", ["!", "AA", "a", "é", "/" * 5000])
async def test_a_cursor_that_is_none_is_refused(search: Search, cursor: str) -> None:
    with pytest.raises(InvalidRequest, match="cursor"):
        await search.find("default", "cat", cursor=cursor)


async def test_two_at_once_do_not_mix_their_words() -> None:
    class Interrupted(MemoryCatalog):
        """Somebody else writes between the read and the write."""

        def records(self, space: str) -> Any:
            records = super().records(space)
            if not space.startswith("terms"):
                return records

            async def get(key: str) -> Any:
                found = await type(records).get(records, key)
                await records.put(key, {"terms": ["other"], "whole": True}, expected=None)
                return found

            records.get = get  # type: ignore[method-assign]
            return records

    engine = Interrupted.from_url("memory://")
    with pytest.raises(VersionConflict):
        await Search(engine, MemoryObjectStore.from_url("memory://")).index(_asset("cat"))


async def test_a_page_reads_a_bounded_number_of_records(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mediakiln.stages.search.MOST_LOOKED_AT", 100)
    assert MOST_LOOKED_AT > 100
    engine = MemoryCatalog.from_url("memory://")
    search = Search(engine, MemoryObjectStore.from_url("memory://"))
    old = new_id()
    assets = [_asset("cat", id=derived_id(old, str(n))) for n in range(150)]
    await _put(engine, search, *assets, _asset("cat", kind=Kind.VIDEO))
    page = await search.find("default", "cat", kind=Kind.AUDIO)
    assert page.assets == []
    assert page.cursor is not None
    assert len(await _found(search, "cat", kind=Kind.IMAGE, limit=7)) == 150


async def test_the_join_indexes_a_run_that_it_completes_or_completed(world: World) -> None:
    seen: list[str] = []

    async def failing_once(asset: Asset) -> None:
        seen.append(asset.id)
        if len(seen) == 1:
            raise VersionConflict(asset=asset.id)

    world.join._index = failing_once
    asset = await world.upload(recipe={"steps": {"one": {"op": "mock.copy"}}})
    for (topic, group), handler in world.handlers.items():
        if group != "join":
            for message in await world.messages(topic, group):
                await handler(message)
    await world.join.stored((await world.messages("stored", "join"))[0])
    assert seen == []
    (finished,) = await world.messages("finished", "join")
    with pytest.raises(VersionConflict):
        await world.join.finished(finished)
    await world.join.finished(finished)
    assert seen == [asset.id] * 2
