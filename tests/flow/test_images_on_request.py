"""Images on request by the real sandbox: pixels in, pixels out."""

import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PIL import Image

from mediakiln.adapters.object_store.local import LocalObjectStore
from mediakiln.model.asset import Asset
from mediakiln.model.errors import BadMedia, ObjectMissing, OperationFailed
from mediakiln.model.keys import Bucket
from mediakiln.model.transform import Transform
from mediakiln.ports.object_store import ObjectStore
from mediakiln.sandbox.rooms import RoomRules
from mediakiln.sandbox.runner import ForkRunner
from mediakiln.stages.derive import Derive, Derived, Original, Source
from mediakiln.stages.derive.making import Maker, Making
from mediakiln.stages.derive.plan import Plan
from mediakiln.stages.process.scratch import Scratch
from support import media
from support.images import a_derive
from support.world import MOCKS, World


@pytest.fixture
async def runner(tmp_path: Path) -> AsyncIterator[ForkRunner]:
    rooms = Scratch(tmp_path / "rooms", owner="test")
    rooms.open()
    started = ForkRunner(MOCKS, rooms=RoomRules(rooms.folder))
    yield started
    await started.close()


@pytest.fixture
async def world(tmp_path: Path, runner: ForkRunner) -> World:
    made = World(tmp=tmp_path, runner=runner, store=LocalObjectStore(tmp_path / "store"))
    await made.start()
    return made


@pytest.fixture
async def derive(world: World, runner: ForkRunner) -> AsyncIterator[Derive]:
    made = a_derive(world, runner)
    yield made
    await made.close()
    await world.store.close()


async def content(store: ObjectStore, derived: Derived) -> bytes:
    return derived.data or await store.get(derived.item.bucket, derived.item.key)


async def test_a_chain_of_edits_is_done_in_one_go(world: World, derive: Derive) -> None:
    asset: Asset = await world.upload(media.jpeg(width=320, height=200), name="photo.jpg")
    wanted = Transform(
        steps=(
            {"op": "image.resize", "width": 80, "height": 80, "fit": "cover"},
            {"op": "image.rotate", "angle": 90},
        ),
        encoding={"format": "webp"},
    )
    found = await derive.get(Source.of(asset), wanted)
    picture = Image.open(io.BytesIO(await content(world.store, found)))
    assert (picture.format, picture.size) == ("WEBP", (80, 80))
    assert found.facts["original"]["width"] == 320
    assert await derive.original(Source.of(asset)) == Original(320, 200, "jpeg")
    await derive.close()
    again = await a_derive(world, world.runner).get(Source.of(asset), wanted)
    assert again.item.etag == found.item.etag
    assert await world.store.get(again.item.bucket, again.item.key) == found.data


async def test_a_damaged_file_is_refused(world: World, derive: Derive) -> None:
    asset = await world.upload(media.jpeg(width=320, height=200)[:3000], name="photo.jpg")
    with pytest.raises(BadMedia):
        await derive.get(Source.of(asset), Transform(encoding={"format": "png"}))


async def test_an_original_that_is_lost_is_missing_until_it_is_back(
    world: World, derive: Derive
) -> None:
    asset = await world.upload(media.jpeg(width=32, height=20), name="photo.jpg")
    wanted = Transform(encoding={"format": "png"})
    key = asset.source.key
    await derive.get(Source.of(asset), Transform())  # it was seen once
    await world.store.delete(Bucket.INPUT, [key])
    with pytest.raises(ObjectMissing):
        await derive.get(Source.of(asset), wanted)
    await world.store.put(Bucket.INPUT, key, media.jpeg(width=32, height=20))
    assert (await derive.get(Source.of(asset), wanted)).facts["width"] == 32


async def test_a_process_writes_words_on_one_image_after_another(
    world: World, derive: Derive
) -> None:
    asset = await world.upload(media.png(width=160, height=80), name="sheet.png")
    words = {"op": "image.watermark", "opacity": 1, "outline": "black"}
    for size, text in ((160, "first"), (120, "second"), (90, "third")):
        steps = ({"op": "image.resize", "width": size}, {**words, "text": text})
        found = await derive.get(
            Source.of(asset), Transform(steps=steps, encoding={"format": "png"})
        )
        picture = Image.open(io.BytesIO(await content(world.store, found)))
        assert picture.width == size


async def test_no_more_is_kept_of_what_an_image_s_maker_tells_than_a_record_holds(
    world: World, tmp_path: Path
) -> None:
    asset = await world.upload(media.jpeg(width=32, height=20), name="photo.jpg")
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"bytes")
    maker = Maker(world.runner, "mock.copy", Making())
    plan = Plan(Source.of(asset), {"metadata_bytes": 100_000}, "0" * 40)
    with pytest.raises(OperationFailed, match="too much is told"):
        async with maker.made(plan, path, {}):
            raise AssertionError
