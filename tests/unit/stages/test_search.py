"""What search does whatever the engine; that engines keep to it is in the catalog's contract."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from mediakiln.adapters.catalog.memory import MemoryCatalog
from mediakiln.adapters.object_store.memory import MemoryObjectStore
from mediakiln.model.asset import Asset, StepProducts
from mediakiln.model.clock import utc_now
from mediakiln.model.errors import InvalidRequest, VersionConflict
from mediakiln.model.ids import derived_id, new_id
from mediakiln.model.keys import Bucket
from mediakiln.model.kind import AssetState, Kind
from mediakiln.model.messages import Received
from mediakiln.model.product import Lineage, Manifest
from mediakiln.ports.catalog import Records
from mediakiln.stages.erasure import Erasures
from mediakiln.stages.search import MOST_TERMS, Index, Search
from mediakiln.stages.search.places import Places, terms_key
from mediakiln.testing.catalog_samples import an_asset
from mediakiln.testing.catalog_search import found, index, index_keys, labelled, put, seen
from support.world import World


@pytest.fixture
def catalog() -> MemoryCatalog:
    return MemoryCatalog.from_url("memory://")


def _read(**metadata: Any) -> StepProducts:
    """A step that read texts."""
    step = seen()["seen"]
    file = (step.files or ())[0].model_copy(update={"metadata": metadata})
    return step.model_copy(update={"op": "image.ocr", "files": (file,)})


async def test_what_was_left_half_done_is_ended(catalog: MemoryCatalog) -> None:
    asset = labelled("cat", "dog")
    await put(catalog, asset)
    places = Places(catalog)
    terms, entries = places.terms("default", asset.id), places.entries("default", "dog")
    record = await terms.get(terms_key("default", asset.id))
    assert record is not None
    await terms.put(record.key, {**record.value, "whole": False}, expected=record.version)
    for entry in (await entries.list("default/dog"))[0]:
        await entries.delete(entry.key)
    assert await found(catalog, "dog") == []
    await index(catalog).index(asset)
    assert await found(catalog, "dog") == [asset.id]


async def test_a_long_list_of_files_is_read_from_its_manifest(catalog: MemoryCatalog) -> None:
    step = _read(text=[{"text": "Total due"}])
    manifest = Manifest(
        project="default",
        asset="a",
        run=1,
        attempt=1,
        step="seen",
        product_key="p",
        files=step.files or (),
        lineage=Lineage(source="s", operation="image.ocr", version=1, params={}),
        seconds=1.0,
        created_at=utc_now(),
    )
    store = MemoryObjectStore.from_url("memory://")
    await store.put(Bucket.PRODUCTION, "m", manifest.encode())
    asset = an_asset(published={"read": step.model_copy(update={"files": None})})
    await catalog.create(asset)
    await Index(catalog, store).index(asset)
    assert await found(catalog, "total due") == [asset.id]


async def test_of_too_many_words_names_and_labels_stay_and_read_text_goes(
    catalog: MemoryCatalog,
) -> None:
    step = _read(text=[{"text": f"word{n}"} for n in range(MOST_TERMS)])
    (id,) = await put(catalog, an_asset(name="scan.png", published={"read": step, **seen("cat")}))
    assert await found(catalog, "scan cat word0") == [id]
    assert await found(catalog, f"word{MOST_TERMS - 1}") == []


async def test_an_asset_costs_a_record_and_one_for_each_word_of_its_name(
    catalog: MemoryCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    plain = catalog.records

    def records(space: str) -> Records:
        kept = plain(space)
        put_one = kept.put

        async def put(key: str, value: Mapping[str, Any], **conditions: Any) -> int:
            written.append(space.partition("-")[0])
            return await put_one(key, value, **conditions)

        monkeypatch.setattr(kept, "put", put)
        return kept

    monkeypatch.setattr(catalog, "records", records)
    asset = an_asset(name="IMG_0042.jpg", published={"web": _read().model_copy(update={"op": "x"})})
    await put(catalog, asset)
    assert sorted(written) == ["found", "found", "terms"]


async def test_names_that_are_not_to_be_searched_cost_nothing(catalog: MemoryCatalog) -> None:
    asset = an_asset(name="beach.jpg", kind=Kind.IMAGE)
    nameless = Index(catalog, MemoryObjectStore.from_url("memory://"), names=False)
    await catalog.create(asset)
    await nameless.enter(asset)
    await nameless.index(asset)
    assert await Places(catalog).terms("default", asset.id).get(f"default/{asset.id}") is None
    assert await found(catalog, "beach") == []
    assert await found(catalog, "jpg image") == [asset.id]


@pytest.mark.parametrize(
    ("text", "limit", "value"),
    [
        ("", 1, 0),
        (" ", 1, 0),
        ("***", 1, 0),
        ("- _ /", 1, 0),
        ("a*", 2, 1),
        (" ".join(f"w{n}" for n in range(100)), 16, 100),
        ("x" * 501, 500, 501),
    ],
)
async def test_what_is_no_question_is_refused(
    catalog: MemoryCatalog, text: str, limit: int, value: int
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await Search(catalog).find("default", text)
    assert refused.value.context["field"] == "q"
    assert (refused.value.context["limit"], refused.value.context["value"]) == (limit, value)


async def test_two_at_once_do_not_mix_their_words(
    catalog: MemoryCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = catalog.records

    def records(space: str) -> Records:
        kept = plain(space)
        get = kept.get

        async def interrupted(key: str) -> Any:
            """Somebody else writes between the read and the write."""
            there = await get(key)
            await kept.put(key, {"terms": ["other"], "whole": True}, expected=None)
            return there

        if space.startswith("terms"):
            monkeypatch.setattr(kept, "get", interrupted)
        return kept

    monkeypatch.setattr(catalog, "records", records)
    with pytest.raises(VersionConflict):
        await index(catalog).index(labelled("cat"))


async def test_a_page_reads_a_bounded_number_of_records(
    catalog: MemoryCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mediakiln.stages.search.stage.MOST_LOOKED_AT", 100)
    old = new_id()
    assets = [labelled("cat", id=derived_id(old, str(n))) for n in range(150)]
    await put(catalog, *assets, labelled("cat", kind=Kind.VIDEO))
    for text in ("cat", "application"):
        page = await Search(catalog).find("default", text, kind=Kind.AUDIO)
        assert page.assets == []
        assert (page.cursor is None) == (text == "application")
    assert len(await found(catalog, "cat", kind=Kind.IMAGE, limit=7)) == 150
    assert len(await found(catalog, "jpg", kind=Kind.IMAGE, limit=7)) == 150


async def test_an_upload_is_found_before_its_steps_have_run(world: World) -> None:
    asset = await world.upload(name="Summer holiday.txt")
    (received,) = await world.messages("received", "classify")
    await world.classify(received)
    assert await found(world.catalog, "holiday txt document") == [asset.id]


async def test_an_upload_that_is_deleted_while_it_is_classified_leaves_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.upload(name="Summer holiday.txt")
    (received,) = await world.messages("received", "classify")
    enter = world.index.enter

    async def deleted_meanwhile(known: Asset) -> None:
        await world.manage.delete(known.id)
        await world.index.forget(known.project, known.id)
        await enter(known)

    monkeypatch.setattr(world.index, "enter", deleted_meanwhile)
    await world.classify(received)
    entries = Places(world.catalog).entries("default", "holiday")
    assert (await entries.list())[0] == []
    assert await found(world.catalog, "holiday") == []


async def test_an_upload_whose_uploader_is_erased_leaves_nothing(world: World) -> None:
    asset = await world.upload(name="Ann at home.txt", uploader="ann", tags=("private",))
    await world.index._put("default", asset.id, ["home", "private"])
    erasures = Erasures(world.ledger, world.store, unname=world.index.leave, clock=world.clock)
    await erasures.begin("default", "ann", by="owner")
    await erasures.sweep()
    (received,) = await world.messages("received", "classify")
    await world.classify(received)
    assert await index_keys(world.catalog) == []


async def test_a_refused_upload_is_found_by_its_name(world: World) -> None:
    recipe = {"steps": {"one": {"op": "image.resize", "width": 9}}}
    asset = await world.upload(name="odd thing.txt", recipe=recipe)
    await world.classify(Received(asset=asset.id, project="default").to_message())
    latest = await world.catalog.get(asset.id)
    assert latest is not None
    assert latest.state is AssetState.REJECTED
    assert await found(world.catalog, "odd", state=AssetState.REJECTED) == [asset.id]


async def test_the_join_indexes_a_run_that_it_completes_or_completed(world: World) -> None:
    told: list[str] = []

    async def failing_once(asset: Asset) -> None:
        told.append(asset.id)
        if len(told) == 1:
            raise VersionConflict(asset=asset.id)

    world.join._index = failing_once
    asset = await world.upload(recipe={"steps": {"one": {"op": "mock.copy"}}})
    for (topic, group), handler in world.handlers.items():
        if group != "join":
            for message in await world.messages(topic, group):
                await handler(message)
    await world.join.stored((await world.messages("stored", "join"))[0])
    assert told == []
    (finished,) = await world.messages("finished", "join")
    with pytest.raises(VersionConflict):
        await world.join.finished(finished)
    await world.join.finished(finished)
    assert told == [asset.id] * 2


async def test_finding_and_indexing_at_once_never_fails(catalog: MemoryCatalog) -> None:
    asset = labelled("cat", name="sofa.jpg")
    await put(catalog, asset)
    again = asset.model_copy(update={"run": 2, "published": seen("dog")})
    answers = await asyncio.gather(
        found(catalog, "sofa"), index(catalog).index(again), found(catalog, "sofa dog")
    )
    assert answers[0] == [asset.id]
    assert await found(catalog, "sofa dog") == [asset.id]
