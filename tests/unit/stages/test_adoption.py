"""Objects that others put into the bucket: one asset each, whoever tells of them and how often."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import obstore
import pytest

from mediakiln.adapters.object_store.memory import MemoryObjectStore
from mediakiln.model.asset import Asset
from mediakiln.model.drops import Drop, dropped_id
from mediakiln.model.errors import Gone, ObjectMissing
from mediakiln.model.ids import is_id
from mediakiln.model.keys import Bucket, input_key
from mediakiln.model.kind import AssetState
from mediakiln.model.messages import Message, ObjectCreated
from mediakiln.model.upload import Upload
from mediakiln.roles.receive import Intake
from mediakiln.stages.reconcile import LostObjects
from mediakiln.stages.uploads.book import UploadBook
from support.world import TEXT, NoRunner, World

KEY = "drop/team-a/photo.txt"
RULE = Drop(
    prefix="drop/team-a/", recipe="document", uploader="team-a", tags=("dropped",), project="press"
)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    opened = World(tmp=tmp_path, runner=NoRunner(), drops=[Drop(prefix="drop/"), RULE])  # type: ignore[arg-type]
    await opened.start()
    yield opened
    await opened.store.close()


def put(world: World, key: str = KEY, data: bytes = TEXT, **said: str) -> None:
    """As another program does, with metadata of its own."""
    assert isinstance(world.store, MemoryObjectStore)
    named = {f"mediakiln-{name}": value for name, value in said.items()}
    obstore.put(world.store._shelf(Bucket.INPUT), key, data, attributes=named, use_multipart=False)


async def assets(world: World, project: str = "press") -> list[Asset]:
    return list((await world.catalog.list(project)).assets)


def s3_event(key: str, **change: Any) -> Message:
    record = {
        "eventVersion": "2.1",
        "eventName": "s3:ObjectCreated:Put",
        "s3": {"bucket": {"name": "input"}, "object": {"key": key, "size": 1}},
    }
    return Message(id="1", key="k", body=json.dumps({"Records": [record | change]}).encode())


async def test_an_object_below_a_prefix_becomes_what_its_rule_says(world: World) -> None:
    put(world)
    asset = await world.adoption(KEY)
    assert asset is not None
    assert is_id(asset.id)
    assert (asset.project, asset.uploader, asset.tags) == ("press", "team-a", ("dropped",))
    assert (asset.name, asset.source.key) == ("photo.txt", KEY)
    assert asset.recipe is not None
    assert asset.recipe.name == "document"


async def test_the_longest_prefix_decides(world: World) -> None:
    put(world, "drop/else/a.txt")
    asset = await world.adoption("drop/else/a.txt")
    assert asset is not None
    assert (asset.project, asset.recipe) == ("default", None)


async def test_what_the_object_carries_counts_more_than_its_rule(world: World) -> None:
    put(
        world,
        name="=?UTF-8?Q?b=C3=BCro.txt?=",
        recipe="image",
        uploader="ada",
        tags="one, two,one",
    )
    asset = await world.adoption(KEY)
    assert asset is not None
    assert (asset.name, asset.uploader, asset.tags) == ("büro.txt", "ada", ("one", "two"))
    assert asset.recipe is not None
    assert asset.recipe.name == "image"


async def test_what_the_rule_does_not_leave_open_is_not_overridden(world: World) -> None:
    rule = RULE.model_copy(update={"override": frozenset({"name"})})
    world.adoption._drops = [rule]
    put(world, name="b.txt", recipe="image", uploader="mallory", tags="x")
    asset = await world.adoption(KEY)
    assert asset is not None
    assert (asset.name, asset.uploader, asset.tags) == ("b.txt", "team-a", ("dropped",))
    assert asset.recipe is not None
    assert asset.recipe.name == "document"


async def test_duplicates_and_disorder_make_one_asset(world: World) -> None:
    put(world)
    intake = Intake(world.adoption)
    later = s3_event("drop%2Fteam-a%2Fphoto.txt")
    for message in (later, later, s3_event(KEY, eventVersion="2.6"), ours(KEY)):
        await intake(message)
    (asset,) = await assets(world)
    await intake(s3_event(KEY, eventName="s3:ObjectRemoved:Delete"))
    assert (await world.asset(asset.id)).version == asset.version


async def test_an_overwritten_object_is_another_asset(world: World) -> None:
    put(world)
    first = await world.adoption(KEY)
    put(world, data=b"Other bytes, which make another file.\n")
    second = await world.adoption(KEY)
    assert first is not None
    assert second is not None
    assert first.id != second.id
    assert {asset.id for asset in await assets(world)} == {first.id, second.id}
    with pytest.raises(Gone):
        await world.deliver.original(first.id)
    assert (await world.deliver.original(second.id)).key == KEY


def test_the_same_bytes_written_again_later_are_another_asset() -> None:
    now = datetime.now(UTC)
    first = dropped_id("k", etag="e", version=None, modified=now)
    assert first == dropped_id("k", etag="e", version=None, modified=now)
    assert first != dropped_id("k", etag="e", version=None, modified=now + timedelta(seconds=2))
    assert dropped_id("k", etag="e", version="v", modified=now) == dropped_id(
        "k", etag="e", version="v", modified=now + timedelta(seconds=2)
    )


async def test_a_key_without_a_rule_is_left_alone(world: World) -> None:
    put(world, "elsewhere/a.txt")
    put(world, "drop/folder/", b"")
    assert await world.adoption("elsewhere/a.txt") is None
    assert await world.adoption("drop/folder/") is None
    assert await world.adoption("drop//a.txt") is None
    assert await world.adoption("drop/nothing.txt") is None
    assert not await assets(world)
    assert not await assets(world, "default")


@pytest.mark.parametrize(
    ("data", "said", "code"),
    [
        (b"", {}, "empty_file"),
        (b"\x7fELF" + bytes(200), {}, "unsupported_media_type"),
        (TEXT, {"recipe": "nobody-knows"}, "unknown_recipe"),
        (TEXT, {"tags": "x" * 65}, "invalid_request"),
        (TEXT, {"name": "../up"}, "invalid_name"),
    ],
)
async def test_what_is_refused_is_an_asset_that_says_why(
    world: World, data: bytes, said: dict[str, str], code: str
) -> None:
    put(world, data=data, **said)
    asset = await world.adoption(KEY)
    assert asset is not None
    assert asset.error is not None
    assert (asset.state, asset.error.code) == (AssetState.REJECTED, code)
    assert await world.store.head(Bucket.INPUT, KEY) is not None, "it is not ours to delete"
    assert [m.key for m in await world.messages("completed", "notify")] == [asset.id]
    assert await world.adoption(KEY) == await world.asset(asset.id)


async def test_purging_spares_an_object_that_has_become_another_asset(world: World) -> None:
    put(world)
    first = await world.adoption(KEY)
    assert first is not None
    await world.manage.delete(first.id)
    put(world, data=b"Other bytes, which make another file.\n")
    world.clock.forward(days=8)
    await world.reconcile.sweep()
    assert (await world.asset(first.id)).purged
    assert await world.store.head(Bucket.INPUT, KEY) is not None


async def test_purging_deletes_the_object_of_its_asset(world: World) -> None:
    put(world)
    asset = await world.adoption(KEY)
    assert asset is not None
    await world.manage.delete(asset.id)
    world.clock.forward(days=8)
    await world.reconcile.sweep()
    assert await world.store.head(Bucket.INPUT, KEY) is None


async def test_an_original_that_another_hand_deleted_is_missing(world: World) -> None:
    put(world)
    asset = await world.adoption(KEY)
    assert asset is not None
    await world.store.delete(Bucket.INPUT, [KEY])
    with pytest.raises(ObjectMissing):
        await world.deliver.original(asset.id)


async def test_the_uploads_of_other_doors_are_left_to_them(world: World) -> None:
    now = world.clock()
    id = "0190d3a0-0000-7000-8000-000000000000"
    key = input_key("default", id, now)
    upload = Upload(
        id=id,
        project="default",
        protocol="tus",
        key=key,
        name="a.txt",
        created_at=now,
        expires_at=now + timedelta(days=1),
    )
    await UploadBook(world.catalog, clock=world.clock).open(upload)
    put(world, key)
    assert await world.adoption(key) is None


def lost_of(world: World, most: int = 1000) -> LostObjects:
    async def projects() -> list[str]:
        return ["default"]

    return LostObjects(
        world.catalog,
        world.store,
        world.adoption,
        projects=projects,
        prefixes=["drop/"],
        grace=timedelta(minutes=15),
        most=most,
        clock=world.clock,
    )


async def test_lost_objects_are_found_after_their_grace_and_before_the_sweep(world: World) -> None:
    own = input_key("default", "0190d3a0-0000-7000-8000-000000000000", world.clock())
    put(world, own)
    put(world, "drop/a.txt")
    lost = lost_of(world)
    assert await lost.sweep() == 0, "their events may still come"
    world.clock.forward(minutes=16)
    assert await lost.sweep() == 2
    assert await lost.sweep() == 0
    found = await assets(world, "default")
    assert {asset.source.key for asset in found} == {own, "drop/a.txt"}


async def test_a_run_reads_a_bounded_number_and_the_next_goes_on(world: World) -> None:
    for number in range(9):
        put(world, f"drop/{number}.txt")
    world.clock.forward(minutes=16)
    found = [await lost_of(world, most=12).sweep() for _ in range(4)]
    assert found == [4, 4, 1, 0], "a third of the twelve is for each of three prefixes"


async def test_objects_that_were_there_long_ago_are_not_taken_in(world: World) -> None:
    put(world, "drop/a.txt")
    put(world, input_key("default", "0190d3a0-0000-7000-8000-000000000000", world.clock()))
    world.clock.forward(days=8)
    assert await lost_of(world).sweep() == 0


def ours(key: str) -> Message:
    return ObjectCreated(asset="a", key=key, bytes=1).to_message()
