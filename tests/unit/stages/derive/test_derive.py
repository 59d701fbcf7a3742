"""Images on request: made once, kept, purged, and refused where there is too much to do."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mediakiln.model.asset import Asset
from mediakiln.model.errors import (
    BadMedia,
    Crashed,
    EngineUnavailable,
    Gone,
    InvalidRequest,
    LimitExceeded,
    MediakilnError,
    NotFound,
    Overloaded,
    UnsupportedMedia,
)
from mediakiln.model.keys import DERIVED_PREFIX, Bucket
from mediakiln.model.transform import Transform
from mediakiln.stages.derive import Derive, Derived, Original, Shelf, Source
from mediakiln.stages.reconcile import Reconcile
from support import media
from support.images import Painter, a_derive
from support.waiting import eventually
from support.world import NoRunner, World


@pytest.fixture
async def world(tmp_path: Path) -> World:
    made = World(tmp=tmp_path, runner=NoRunner())  # type: ignore[arg-type]
    await made.start()
    return made


@pytest.fixture
def painter() -> Painter:
    return Painter()


@pytest.fixture
async def derive(world: World, painter: Painter) -> AsyncIterator[Derive]:
    made = a_derive(world, painter, workers=1, waiting=1)
    yield made
    painter.go.set()
    await made.close()


async def a_photo(world: World, **changes: Any) -> Asset:
    asset = await world.upload(media.jpeg(), name="photo.jpg")
    facts = {"media_type": "image/jpeg", **changes}
    return asset.model_copy(update=facts)


def width(pixels: int, **encoding: Any) -> Transform:
    return Transform(steps=({"op": "image.resize", "width": pixels},), encoding=encoding)


async def kept(world: World) -> list[str]:
    return [item.key async for item in world.store.list(Bucket.PRODUCTION, DERIVED_PREFIX)]


async def content(world: World, derived: Derived) -> bytes:
    return await world.store.get(derived.item.bucket, derived.item.key)


async def test_many_identical_requests_at_once_make_one_image(
    world: World, derive: Derive, painter: Painter
) -> None:
    source = Source.of(await a_photo(world))
    painter.go.clear()
    asked = [asyncio.create_task(derive.get(source, width(40))) for _ in range(20)]
    await eventually(lambda: len(painter.tasks) == 1)
    painter.go.set()
    found = await asyncio.gather(*asked)
    assert len(painter.tasks) == 1
    assert len({each.item.etag for each in found}) == 1
    assert found[0].item.filename == "photo.jpg"


async def test_another_replica_finds_what_one_has_made(world: World, derive: Derive) -> None:
    source = Source.of(await a_photo(world))
    first = await derive.get(source, width(40, format="webp"))
    await derive.close()
    other = a_derive(world, NoRunner())
    second = await other.get(source, width(40, format="webp"))
    assert second.item == first.item
    assert await content(world, second) == first.data
    assert second.facts["original"] == {"width": 96, "height": 64, "format": "jpeg"}


async def test_a_source_is_told_upright_or_as_it_is_stored(
    world: World, derive: Derive, painter: Painter
) -> None:
    source = Source.of(await a_photo(world))
    assert (await derive.original(source)).width == 96
    painter.painted = (2, 3)
    stored = await derive.original(source, upright=False)
    assert (stored.width, stored.height) == (64, 96)
    assert (await derive.original(source)).width == 96


async def test_equal_work_written_otherwise_is_the_same_image(
    world: World, derive: Derive, painter: Painter
) -> None:
    source = Source.of(await a_photo(world))
    first = await derive.get(source, width(40))
    written_out = {"op": "image.resize", "fit": "inside", "width": 40, "enlarge": False}
    second = await derive.get(source, Transform(steps=(written_out,), encoding={"format": "auto"}))
    assert first.item.key == second.item.key
    assert len(painter.tasks) == 1


async def test_what_no_place_is_left_for_is_refused_at_once(
    world: World, derive: Derive, painter: Painter
) -> None:
    source = Source.of(await a_photo(world))
    painter.go.clear()
    one, two = (asyncio.create_task(derive.get(source, width(n))) for n in (10, 11))
    await eventually(lambda: len(painter.tasks) == 1)
    await eventually(lambda: derive._fast.waiting == 1)
    with pytest.raises(Overloaded) as refused:
        await derive.get(source, width(12))
    assert refused.value.context["retry_after"] >= 1
    painter.go.set()
    await asyncio.gather(one, two)
    await derive.get(source, width(12))


async def test_a_full_slow_lane_leaves_the_fast_one_free(
    world: World, derive: Derive, painter: Painter
) -> None:
    slow = Source.of(await a_photo(world, media_type="image/heic"))
    painter.go.clear()
    waiting = [asyncio.create_task(derive.get(slow, width(n))) for n in (10, 11)]
    await eventually(lambda: derive._slow.waiting == 1)
    with pytest.raises(Overloaded):
        await derive.get(slow, width(12))
    fast = asyncio.create_task(derive.get(Source.of(await a_photo(world)), width(10)))
    await eventually(lambda: len(painter.tasks) == 2)
    assert painter.tasks[1].context.media_type == "image/jpeg"
    painter.go.set()
    await asyncio.gather(fast, *waiting)


async def test_a_request_that_nobody_waits_for_leaves_the_queue(
    world: World, derive: Derive, painter: Painter
) -> None:
    source = Source.of(await a_photo(world))
    painter.go.clear()
    running = asyncio.create_task(derive.get(source, width(10)))
    await eventually(lambda: len(painter.tasks) == 1)
    left = asyncio.create_task(derive.get(source, width(11)))
    await eventually(lambda: derive._fast.waiting == 1)
    left.cancel()
    await asyncio.gather(left, return_exceptions=True)
    await eventually(lambda: derive._fast.waiting == 0)
    after = asyncio.create_task(derive.get(source, width(12)))  # the queue has room again
    painter.go.set()
    await asyncio.gather(running, after)
    assert [task.params["steps"][0]["width"] for task in painter.tasks] == [10, 12]


async def test_who_shares_a_request_is_not_left_alone_when_the_first_goes(
    world: World, derive: Derive, painter: Painter
) -> None:
    source = Source.of(await a_photo(world))
    painter.go.clear()
    first, second = (asyncio.create_task(derive.get(source, width(10))) for _ in range(2))
    await eventually(lambda: len(painter.tasks) == 1)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    painter.go.set()
    assert (await second).data is not None
    assert len(painter.tasks) == 1


async def test_a_refused_file_is_not_tried_again_at_once(
    world: World, derive: Derive, painter: Painter
) -> None:
    source = Source.of(await a_photo(world))
    painter.error = BadMedia("it is torn")
    for _ in range(3):
        with pytest.raises(BadMedia, match="torn"):
            await derive.get(source, width(10))
    assert len(painter.tasks) == 1


@pytest.mark.parametrize(
    ("told", "error", "tries"),
    [
        ({"signal": "SIGKILL"}, EngineUnavailable, 2),
        ({"sandbox": "lost"}, EngineUnavailable, 2),
        ({"signal": "SIGSEGV"}, LimitExceeded, 1),
        ({}, LimitExceeded, 1),
    ],
)
async def test_a_process_ended_from_outside_says_nothing_of_the_file(
    world: World,
    derive: Derive,
    painter: Painter,
    told: dict[str, str],
    error: type[MediakilnError],
    tries: int,
) -> None:
    source = Source.of(await a_photo(world))
    painter.error = Crashed("the step's process died", **told)
    for _ in range(2):
        with pytest.raises(error):
            await derive.get(source, width(40))
    assert len(painter.tasks) == tries


async def test_what_is_known_to_be_no_image_is_refused_unseen(
    world: World, derive: Derive, painter: Painter
) -> None:
    with pytest.raises(UnsupportedMedia, match="video/mp4"):
        await derive.get(Source.of(await a_photo(world, media_type="video/mp4")), width(10))
    assert painter.tasks == []


async def test_wrong_parameters_are_named(world: World, derive: Derive) -> None:
    with pytest.raises(InvalidRequest, match="width"):
        await derive.get(Source.of(await a_photo(world)), width(0))


async def test_a_purge_removes_every_image_and_makes_new_names(
    world: World, derive: Derive, painter: Painter
) -> None:
    asset, other = await a_photo(world), await a_photo(world)
    names = {(await derive.get(Source.of(asset), width(n))).item.key for n in (10, 11, 12)}
    await derive.get(Source.of(other), width(10))
    await eventually(lambda: not derive._putting)
    assert await derive.purge(asset.id) == 3
    assert [key for key in await kept(world) if asset.id in key] == []
    assert len(await kept(world)) == 1
    again = await derive.get(Source.of(await world.asset(asset.id)), width(10))
    assert again.item.key not in names
    assert len(painter.tasks) == 5


async def test_a_purge_is_of_a_project_s_own_assets(world: World, derive: Derive) -> None:
    asset = await a_photo(world)
    with pytest.raises(NotFound):
        await derive.purge(asset.id, project="another")
    assert (await world.asset(asset.id)).epoch == 0


@pytest.mark.parametrize("how", ["purged", "deleted"])
async def test_what_is_made_during_a_purge_does_not_stay(
    world: World, derive: Derive, painter: Painter, how: str
) -> None:
    asset = await a_photo(world)
    painter.go.clear()
    making = asyncio.create_task(derive.get(Source.of(asset), width(10)))
    await eventually(lambda: len(painter.tasks) == 1)
    if how == "purged":
        await derive.purge(asset.id)
    else:
        await world.manage.delete(asset.id)
    painter.go.set()
    await making
    await derive.close()
    assert await kept(world) == []
    assert await world.catalog.records("derived").list() == ([], None)


async def test_an_overwritten_source_is_gone(world: World, derive: Derive) -> None:
    asset = await a_photo(world)
    other = asset.model_copy(
        update={
            "checksum": None,
            "source": asset.source.model_copy(update={"etag": "that of other bytes"}),
        }
    )
    with pytest.raises(Gone):
        await derive.get(Source.of(other), width(10))
    with pytest.raises(Gone):
        await derive.get(Source.of(other), Transform(raw=True))


async def test_raw_is_the_source_itself(world: World, derive: Derive) -> None:
    asset = await a_photo(world)
    found = await derive.get(Source.of(asset), Transform(raw=True))
    assert await content(world, found) == media.jpeg()
    assert (found.item.size, found.item.media_type) == (len(media.jpeg()), "image/jpeg")


async def test_the_size_of_a_source_is_found_out_once(
    world: World, derive: Derive, painter: Painter
) -> None:
    source = Source.of(await a_photo(world))
    assert await derive.original(source) == Original(96, 64, "jpeg")
    assert await derive.original(source) == Original(96, 64, "jpeg")
    assert len(painter.tasks) == 1


async def test_five_sizes_of_one_file_fetch_it_once(derive: Derive, painter: Painter) -> None:
    fetched: list[Path] = []

    async def fetch(path: Path) -> None:
        fetched.append(path)
        path.write_bytes(media.jpeg())

    source = Source(project="default", id="at-x", identity="1", name="x.jpg", fetch=fetch)
    for n in range(10, 15):
        await derive.get(source, width(n))
    assert len(fetched) == 1
    assert len(painter.tasks) == 5


async def test_fetched_files_that_nobody_holds_are_bounded(world: World, painter: Painter) -> None:
    derive = a_derive(world, painter, source_bytes=len(media.jpeg()))
    fetched: list[Path] = []

    async def fetch(path: Path) -> None:
        fetched.append(path)
        path.write_bytes(media.jpeg())

    for n in range(3):
        source = Source(project="default", id=f"at-{n}", identity="1", fetch=fetch)
        await derive.get(source, width(10))
    assert [path.exists() for path in fetched] == [False, False, True]
    await derive.close()
    assert not fetched[-1].exists()


async def test_an_image_that_shows_another_asset_is_of_both(
    world: World, derive: Derive, painter: Painter
) -> None:
    source, logo = Source.of(await a_photo(world)), await world.upload(media.png(1), name="l.png")
    marked = Transform(steps=({"op": "image.watermark", "image": logo.id},))
    first = await derive.get(source, marked)
    path = painter.tasks[0].context.inputs[logo.id]
    assert path.read_bytes() == media.png(1)
    other = await world.upload(media.png(2), name="l.png", project="another")
    for id in (other.id, source.id.replace("-7", "-8")):
        with pytest.raises(NotFound):
            await derive.get(source, Transform(steps=({"op": "image.watermark", "image": id},)))
    assert (await derive.get(source, marked)).item.key == first.item.key


async def test_more_files_than_can_be_fetched_at_once_are_refused(
    world: World, painter: Painter
) -> None:
    derive = a_derive(world, painter, waiting=0)
    go, begun = asyncio.Event(), 0

    async def fetch(path: Path) -> None:
        nonlocal begun
        begun += 1
        await go.wait()
        path.write_bytes(media.jpeg())

    def source(number: int) -> Source:
        return Source(project="default", id=f"at-{number}", identity="1", fetch=fetch)

    first = asyncio.create_task(derive.get(source(1), width(10)))
    await eventually(lambda: begun == 1)
    with pytest.raises(Overloaded):
        await derive.get(source(2), width(10))
    go.set()
    await first
    await derive.get(source(2), width(10))
    await derive.close()


async def test_what_was_derived_goes_with_the_asset_s_own_bytes(
    world: World, derive: Derive
) -> None:
    asset, other = await a_photo(world), await a_photo(world)
    for each in (asset, other):
        await derive.get(Source.of(each), width(10))
    await eventually(lambda: not derive._putting)
    await world.manage.delete(asset.id)
    world.clock.forward(days=8)
    shelf = Shelf(world.catalog, world.store, clock=world.clock)
    reconcile = Reconcile(world.ledger, world.store, purge_derived=shelf.purge, clock=world.clock)
    assert await reconcile.sweep() >= 1
    assert [other.id in key for key in await kept(world)] == [True]
