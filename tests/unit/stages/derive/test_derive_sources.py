"""Files that images are made of: when they are fetched, held, let go, and refused."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from mediakiln.model.errors import BadMedia, NotFound, Overloaded
from mediakiln.model.transform import Transform
from mediakiln.operations.image.edit.transform import transform
from mediakiln.ports.runner import Limits
from mediakiln.stages.derive import Lane, Planner, Source, SourceFiles, stage
from mediakiln.stages.derive.shelf import SPACE
from support import media
from support.images import Painter, a_derive
from support.waiting import eventually
from support.world import NoRunner, World

SMALL = Transform(steps=({"op": "image.resize", "width": 10},))


@pytest.fixture
async def world(tmp_path: Path) -> World:
    made = World(tmp=tmp_path, runner=NoRunner())  # type: ignore[arg-type]
    await made.start()
    return made


async def test_nothing_is_fetched_for_what_no_place_is_left_for(world: World) -> None:
    painter, fetched = Painter(), list[str]()
    derive = a_derive(world, painter, workers=1, waiting=0)

    def source(id: str) -> Source:
        async def fetch(path: Path) -> None:
            fetched.append(id)
            path.write_bytes(media.jpeg())

        return Source(project="default", id=id, identity=id, fetch=fetch)

    painter.go.clear()
    running = asyncio.create_task(derive.get(source("at-1"), SMALL))
    await eventually(lambda: len(painter.tasks) == 1)
    with pytest.raises(Overloaded):
        await derive.get(source("at-2"), SMALL)
    assert fetched == ["at-1"]
    painter.go.set()
    await running
    await derive.close()


def test_an_image_s_name_says_what_it_is_made_of() -> None:
    planner = Planner(transform, formats=())

    def name(
        identity: str = "x", epoch: int = 0, project: str = "default", mark: str | None = None
    ) -> str:
        source = Source(project=project, id="a", identity=identity, epoch=epoch)
        others = {} if mark is None else {"b": Source(project=project, id="b", identity=mark)}
        return planner.plan(source, planner.asked(source, SMALL, ""), others).name

    names = [name(), name("y"), name(epoch=1), name(project="p"), name(mark="x"), name(mark="y")]
    assert len(set(names)) == len(names)
    assert name(mark="y") == names[-1]
    newer = Planner(replace(transform, version=transform.version + 1), formats=())
    source = Source(project="default", id="a", identity="x")
    assert newer(source, SMALL, "").name != names[0]


async def test_an_asset_that_was_deleted_is_shown_in_no_other_s_image(world: World) -> None:
    photo, mark = await world.upload(media.jpeg()), await world.upload(media.jpeg())
    source = replace(Source.of(photo), media_type="image/jpeg")
    step = {"op": "image.watermark", "image": mark.id}
    derive = a_derive(world, Painter())
    await derive.get(source, Transform(steps=(step,)))
    await world.manage.delete(mark.id)
    with pytest.raises(NotFound):
        await derive.get(source, Transform(steps=({**step, "opacity": 0.5},)))
    await derive.close()


async def test_a_file_that_was_refused_is_tried_again_after_a_while(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    painter = Painter()
    painter.error = BadMedia("it is torn")
    derive = a_derive(world, painter)
    monkeypatch.setattr(stage, "FAILED_S", 0.0)
    source = Source.of(await world.upload(media.jpeg()))
    for _ in range(2):
        with pytest.raises(BadMedia):
            await derive.get(source, SMALL)
    assert len(painter.tasks) == 2
    await derive.close()


async def test_a_file_that_somebody_holds_stays_whatever_its_size(
    world: World, tmp_path: Path
) -> None:
    @contextmanager
    def folder(name: str) -> Iterator[Path]:
        (tmp_path / name).mkdir()
        yield tmp_path / name

    async def fetch(path: Path) -> None:
        path.write_bytes(bytes(100))

    def source(id: str) -> Source:
        return Source(project="default", id=id, identity=id, fetch=fetch)

    lane = Lane("fetch", workers=2, most_waiting=2)
    files = SourceFiles(world.store, folder, lane, max_bytes=150)
    async with files.hold(source("at-1")) as held:
        for id in ("at-2", "at-3"):
            async with files.hold(source(id)) as passing:
                assert (held.exists(), passing.exists()) == (True, True)
    assert [held.exists(), passing.exists()] == [True, False]
    files.close()


async def test_what_was_begun_is_finished_though_nobody_waits_any_more(world: World) -> None:
    painter = Painter()
    derive = a_derive(world, painter)
    painter.go.clear()
    source = Source.of(await world.upload(media.jpeg()))
    asked = asyncio.create_task(derive.get(source, SMALL))
    await eventually(lambda: len(painter.tasks) == 1)
    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)
    painter.go.set()

    async def kept() -> bool:
        return bool((await world.catalog.records(SPACE).list(""))[0])

    await eventually(kept)
    await derive.get(source, SMALL)
    assert len(painter.tasks) == 1
    await derive.close()


async def test_so_many_images_are_put_behind_their_answers_and_no_more(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "_MOST_PUTTING", 0)
    derive = a_derive(world, Painter())
    found = await derive.get(Source.of(await world.upload(media.jpeg())), SMALL)
    assert found.data is None, "the store has it already"
    assert len((await world.catalog.records(SPACE).list(""))[0]) == 1
    await derive.close()


async def test_other_bytes_of_one_asset_are_another_file(world: World) -> None:
    painter, seen = Painter(), list[bytes]()
    derive = a_derive(world, painter)

    def source(identity: str) -> Source:
        async def fetch(path: Path) -> None:
            path.write_bytes(identity.encode())

        return Source(project="default", id="a", identity=identity, fetch=fetch)

    for identity in ("upload", "product", "upload"):
        async with derive._files.hold(source(identity)) as path:
            seen.append(path.read_bytes())
    assert seen == [b"upload", b"product", b"upload"]
    await derive.close()


async def test_no_image_costs_more_than_one_may(world: World) -> None:
    painter = Painter()
    derive = a_derive(world, painter)
    await derive.get(Source.of(await world.upload(media.jpeg())), SMALL)
    (task,) = painter.tasks
    assert task.limits == Limits(wall_s=30.0, cpu_s=60.0, memory_mb=1024, scratch_mb=512)
    assert (task.context.max_pixels, task.context.max_frames) == (200_000_000, 1000)
    await derive.close()
