"""What is refused leaves nothing; what is accepted is durable before its record."""

from collections.abc import AsyncIterator

import pytest

from mediakiln.model.errors import (
    EmptyFile,
    EngineUnavailable,
    IncompleteUpload,
    InvalidName,
    StorageFull,
    TooLarge,
    UnsupportedMedia,
)
from mediakiln.model.ids import new_id
from mediakiln.model.keys import Bucket, input_key
from mediakiln.model.upload import Offer
from support.world import TEXT, World


async def _inputs(world: World) -> list[str]:
    return [item.key async for item in world.store.list(Bucket.INPUT)]


async def _nothing_kept(world: World) -> bool:
    page = await world.catalog.list("default")
    waiting = await world.take("received", "classify")
    return not page.assets and not waiting and not await _inputs(world)


async def test_an_upload_is_stored_recorded_and_announced(world: World) -> None:
    asset = await world.upload(name="../x/holiday.txt".replace("../", ""), tags=("a",))
    assert asset.name == "holiday.txt"
    assert asset.bytes == len(TEXT)
    assert (asset.checksum or "").startswith("blake3:")
    assert await world.store.get(Bucket.INPUT, asset.source.key) == TEXT
    assert len(await world.messages("received", "classify")) == 1


@pytest.mark.parametrize(
    "name",
    [
        "../etc/passwd",
        "a\x00b.jpg",
        "x" * 256,
        "evil\u202egpj.exe",
        "",
        "..",
        "a\r\nb.txt",
        "é" * 128,
    ],
)
async def test_a_name_that_could_mislead_is_refused(world: World, name: str) -> None:
    with pytest.raises(InvalidName):
        await world.upload(name=name)
    assert await _nothing_kept(world)


@pytest.mark.parametrize(("name", "kept"), [("שלום.txt", "שלום.txt"), ("C:\\dir\\a.txt", "a.txt")])
async def test_honest_names_are_kept(world: World, name: str, kept: str) -> None:
    assert (await world.upload(name=name)).name == kept


async def test_an_empty_upload_is_refused(world: World) -> None:
    with pytest.raises(EmptyFile):
        await world.upload(b"")
    assert await _nothing_kept(world)


async def test_an_executable_is_refused_at_its_first_bytes(world: World) -> None:
    with pytest.raises(UnsupportedMedia):
        await world.upload(b"\x7fELF" + bytes(200), name="holiday.jpg")
    assert await _nothing_kept(world)


async def test_an_upload_over_the_limit_is_refused_with_the_limit_named(world: World) -> None:
    with pytest.raises(TooLarge) as caught:
        await world.upload(b"a" * 10_000_001)
    assert caught.value.context["limit"] == 10_000_000
    assert await _nothing_kept(world)


async def test_an_announced_size_over_the_limit_is_refused_unread(world: World) -> None:
    async def untouched() -> AsyncIterator[bytes]:
        raise AssertionError("the body was read")
        yield b""

    with pytest.raises(TooLarge):
        await world.receive(Offer(name="a.txt", size=10_000_001), untouched())


async def test_a_body_that_breaks_off_leaves_nothing(world: World) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield TEXT * 10_000
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await world.receive(Offer(name="a.txt"), broken())
    assert await _nothing_kept(world)


async def test_a_body_shorter_than_announced_leaves_nothing(world: World) -> None:
    with pytest.raises(IncompleteUpload):
        await world.upload(TEXT, size=len(TEXT) + 1)
    assert await _nothing_kept(world)


async def test_a_full_store_refuses_before_the_body_is_read(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def none_free() -> int:
        return 0

    monkeypatch.setattr(world.store, "free_bytes", none_free, raising=False)
    world.receive._reserve_bytes = 1
    with pytest.raises(StorageFull):
        await world.upload()


async def test_a_broker_that_is_gone_loses_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish = world.broker.publish

    async def gone(*_: object, **__: object) -> None:
        raise EngineUnavailable

    monkeypatch.setattr(world.broker, "publish", gone)
    asset = await world.upload()
    monkeypatch.setattr(world.broker, "publish", publish)
    assert await world.relay.sweep() == 0, "the writer still has its grace"
    world.clock.forward(seconds=3)
    assert await world.relay.sweep() == 1
    assert await world.relay.sweep() == 0
    await world.pump()
    assert (await world.asset(asset.id)).state.terminal


async def test_an_object_that_came_by_itself_gets_one_record(world: World) -> None:
    id = new_id()
    key = input_key("default", id, world.clock())
    await world.store.put(Bucket.INPUT, key, TEXT)
    await world.adoption(key)
    await world.adoption(key)
    assert len((await world.catalog.list("default")).assets) == 1
    await world.pump()
    assert (await world.asset(id)).state.terminal


async def test_an_object_with_a_foreign_key_is_left_alone(world: World) -> None:
    await world.store.put(Bucket.INPUT, "some/other/thing", TEXT)
    assert await world.adoption("some/other/thing") is None
    assert not (await world.catalog.list("default")).assets


async def test_the_original_has_its_type_at_once(world: World) -> None:
    asset = await world.upload(b"\x89PNG\r\n\x1a\n" + bytes(100), name="a.png")
    assert asset.media_type == "image/png"
    assert (await world.deliver.original(asset.id)).media_type == "image/png"
