"""Imports and watched folders by roles of their own, on embedded engines, through kills."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mediakiln.model.imports import Import, ImportState
from mediakiln.model.keys import Bucket
from mediakiln.roles import imports
from mediakiln.roles.engines import Engines, open_engines
from mediakiln.roles.settings import Settings
from mediakiln.stages.importing import Wanted
from mediakiln.stages.importing.manifest import of_entries
from support.origin import Origin, serving_files
from support.waiting import eventually

FILES = 400
WANTED = Wanted(project="default", by="owner")


def settings_of(tmp_path: Path, origin: Origin) -> Settings:
    return Settings(
        data=tmp_path / "data",
        import_private=True,
        import_ports=(origin.port,),
        import_parallel=4,
        lease_s=1,
        retry_base_s=0.05,
    )


@asynccontextmanager
async def role(
    name: str, tmp_path: Path, **settings: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """`mediakiln run NAME`, killed at the end."""
    given = {f"MEDIAKILN_{key.upper()}": value for key, value in settings.items()}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "mediakiln", "run", name,
        env={**os.environ, "MEDIAKILN_DATA": str(tmp_path / "data"), **given},
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@asynccontextmanager
async def engines_of(settings: Settings) -> AsyncIterator[Engines]:
    engines = open_engines(settings)
    await engines.ensure()
    try:
        yield engines
    finally:
        await engines.close()


async def taken_in(engines: Engines) -> list[str]:
    """The names of all assets."""
    names: list[str] = []
    cursor: str | None = None
    while True:
        page = await engines.catalog.list("default", limit=200, cursor=cursor)
        names += [asset.name for asset in page.assets]
        cursor = page.cursor
        if cursor is None:
            return sorted(names)


async def objects(engines: Engines) -> int:
    return len([item async for item in engines.store.list(Bucket.INPUT)])


@pytest.mark.slow
@pytest.mark.faults
async def test_an_import_outlives_kills_of_its_role_and_takes_each_file_in_once(
    tmp_path: Path,
) -> None:
    async with serving_files() as origin:
        for number in range(FILES):
            origin.files[f"/{number}.txt"] = f"This is file number {number}.\n".encode()
        settings = settings_of(tmp_path, origin)
        own = {
            "import_private": "true",
            "import_ports": f"[{origin.port}]",
            "import_parallel": "4",
            "lease_s": "1",
            "retry_base_s": "0.05",
        }
        async with engines_of(settings) as engines:
            desk = imports.desk(settings, engines)
            urls = [origin.url(f"/{number}.txt") for number in range(FILES)]
            job = await desk.begin_list(WANTED, of_entries(urls))

            async def ended() -> bool:
                latest: Import = await desk.get("default", job.id)
                return latest.state is ImportState.DONE

            for share in (1, 2, 3):
                async with role("import", tmp_path, **own):
                    enough = share * FILES // 4
                    await eventually(lambda: origin.asked.total() >= enough, within_s=40)  # noqa: B023 - awaited here
            assert not await ended()
            async with role("import", tmp_path, **own):
                await eventually(ended, within_s=60)
            job = await desk.get("default", job.id)
            assert (job.counts.done, job.counts.failed) == (FILES, 0)
            assert await taken_in(engines) == sorted(f"{number}.txt" for number in range(FILES))
            assert await objects(engines) == FILES


@pytest.mark.slow
@pytest.mark.faults
async def test_a_watched_folder_outlives_kills_of_its_role(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    count = 300
    for number in range(count):
        (folder / f"{number}.txt").write_text(f"This is file number {number}.\n")
    own = {
        "watch": f'[{{"path": "{folder}", "after": "move"}}]',
        "watch_settle_s": "0.2",
        "import_parallel": "2",
    }
    async with engines_of(Settings(data=tmp_path / "data")) as engines:
        for share in (1, 2):
            enough = share * count // 3

            async def some() -> bool:
                return await objects(engines) >= enough  # noqa: B023 - awaited here

            async with role("watch", tmp_path, **own):
                await eventually(some, within_s=40)

        async def all_in() -> bool:
            return len(list((folder / "done").glob("*"))) == count

        async with role("watch", tmp_path, **own):
            await eventually(all_in, within_s=60)
        assert await taken_in(engines) == sorted(f"{number}.txt" for number in range(count))
        assert await objects(engines) == count
