"""`mediakiln submit`."""

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TransferSpeedColumn,
)

from mediakiln.cli.connection import connected_async
from mediakiln.cli.process import read_recipe
from mediakiln.client import ApiError, Asset, AsyncClient
from mediakiln.model.kind import AssetState
from mediakiln.roles.settings import Settings

AT_ONCE = 4
_NAME_WIDTH = 32


def submit(
    *files: Annotated[Path, Parameter(help="Files to upload.")],
    recipe: Annotated[str | None, Parameter(help="A preset's name, or a JSON file.")] = None,
    tag: Annotated[tuple[str, ...], Parameter(help="Tags to give the assets.")] = (),
    uploader: Annotated[str | None, Parameter(help="Who uploads.")] = None,
    wait: Annotated[bool, Parameter(help="Wait until every run has ended.")] = False,
    data: Annotated[Path | None, Parameter(help="The data folder of a local server.")] = None,
    json_: Annotated[bool, Parameter(name="--json", help="One JSON object a file.")] = False,
) -> None:
    """Upload files, and wait for their products if asked to.

    Ids and states go to standard output, progress to standard error. Exit code 0: all well;
    1: a file was refused, or its run did not end ready; 3: no server.
    """
    job = _Job(recipe=read_recipe(recipe), tags=tag, uploader=uploader, wait=wait, as_json=json_)
    sys.exit(asyncio.run(_submit(files, job, Settings.given(data=data))))


@dataclass(frozen=True, slots=True)
class _Job:
    recipe: str | None
    tags: Sequence[str]
    uploader: str | None
    wait: bool
    as_json: bool


async def _submit(files: Sequence[Path], job: _Job, settings: Settings) -> int:
    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TextColumn("{task.fields[state]}"),
        console=Console(stderr=True),
    )
    slots = asyncio.Semaphore(AT_ONCE)
    async with connected_async(settings) as client:
        with bars:

            async def one(path: Path) -> bool:
                return await _one(client, path, job, bars, slots)

            results = await asyncio.gather(*(one(path) for path in files))
    return 0 if all(results) else 1


async def _one(
    client: AsyncClient, path: Path, job: _Job, bars: Progress, slots: asyncio.Semaphore
) -> bool:
    """Upload a file and tell; whether all is well with it."""
    bar = bars.add_task(path.name[:_NAME_WIDTH].ljust(_NAME_WIDTH), total=None, state="waiting")
    try:
        async with slots:
            asset = await _upload(client, path, job, bars, bar)
        if job.wait:
            bars.update(bar, state="processing")
            asset = await client.wait(asset)
    except ApiError as error:
        bars.update(bar, state=f"[red]{error.code}")
        _tell_error(path, error.code, str(error), job)
        return False
    except OSError as error:
        bars.update(bar, state="[red]unreadable")
        _tell_error(path, "unreadable", str(error), job)
        return False
    bars.update(bar, state=str(asset.state))
    _tell(path, asset, job)
    return not job.wait or asset.state is AssetState.READY


async def _upload(client: AsyncClient, path: Path, job: _Job, bars: Progress, bar: TaskID) -> Asset:
    def moved(sent: int, total: int | None) -> None:
        bars.update(bar, completed=sent, total=total, state="uploading")

    return await client.submit(
        path, recipe=job.recipe, tags=job.tags, uploader=job.uploader, on_progress=moved
    )


def _tell(path: Path, asset: Asset, job: _Job) -> None:
    if job.as_json:
        answer = {"file": str(path), **asset.model_dump(mode="json")}
        print(json.dumps(answer), flush=True)
        return
    print(f"{asset.id} {asset.state} {path}", flush=True)
    if asset.error:
        print(f"{path}: {asset.error.code}: {asset.error.message}", file=sys.stderr)


def _tell_error(path: Path, code: str, message: str, job: _Job) -> None:
    if job.as_json:
        answer = {"file": str(path), "error": {"code": code, "message": message}}
        print(json.dumps(answer), flush=True)
    else:
        print(f"{path}: {message}", file=sys.stderr)
