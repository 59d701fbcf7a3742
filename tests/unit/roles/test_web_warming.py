"""The sandbox of images is warm before the first image, and keeps nobody waiting."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from mediakiln.model.errors import EngineMisconfigured
from mediakiln.roles.engines import open_engines
from mediakiln.roles.settings import Settings
from mediakiln.roles.web import WebServer
from support.images import Painter, a_derive
from support.site import services_of
from support.waiting import eventually
from support.world import NoRunner, World


class Warmed(Painter):
    """A runner that says when it is started."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__()
        self.starts = 0
        self._error = error

    async def start(self) -> None:
        """Count it."""
        self.starts += 1
        if self._error is not None:
            raise self._error


@asynccontextmanager
async def running(
    folder: Path, runner: Warmed, *, door: str | None = None, **more: Any
) -> AsyncIterator[asyncio.Task[None]]:
    """The role, until the test is done with it."""
    world = World(tmp=folder, runner=NoRunner())  # type: ignore[arg-type]
    await world.start()
    settings = Settings(data=folder / "data", port=0)
    services = services_of(world, derive=a_derive(world, runner), **more)
    engines, stop = open_engines(settings), asyncio.Event()
    serving = asyncio.create_task(WebServer(settings, engines, services, door=door).run(stop))
    try:
        yield serving
    finally:
        stop.set()
        await asyncio.wait_for(serving, 10)
        await engines.close()


async def test_the_sandbox_of_images_starts_once_all_is_ready(tmp_path: Path) -> None:
    runner, out = Warmed(), {"store": "out"}
    asked = 0

    async def ready() -> Mapping[str, str | None]:
        nonlocal asked
        asked += 1
        return out

    async with running(tmp_path, runner, ready=ready):
        await eventually(lambda: asked > 1)
        assert runner.starts == 0
        out.clear()
        await eventually(lambda: runner.starts == 1)


async def test_a_sandbox_that_does_not_start_ends_nothing_else(tmp_path: Path) -> None:
    runner = Warmed(EngineMisconfigured("no isolation here"))
    async with running(tmp_path, runner) as serving:
        await eventually(lambda: runner.starts == 1)
        await asyncio.sleep(0)
        assert not serving.done()


@pytest.mark.parametrize(("door", "starts"), [("delivery", 1), ("upload", 0)])
async def test_a_way_alone_starts_it_only_if_it_serves_images(
    tmp_path: Path, door: str, starts: int
) -> None:
    runner = Warmed()
    async with running(tmp_path, runner, door=door):
        await eventually(lambda: runner.starts == starts)
    assert runner.starts == starts
