"""`mediakiln process`."""

import asyncio
import json
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from mediakiln.cli.recipe import read_recipe
from mediakiln.model.asset import Problem
from mediakiln.model.errors import MediakilnError
from mediakiln.model.kind import AssetState
from mediakiln.roles.oneshot import Pipeline, pipeline
from mediakiln.roles.settings import Settings
from mediakiln.telemetry import log


def process(
    *files: Annotated[Path, Parameter(help="Files to work on.")],
    recipe: Annotated[str | None, Parameter(help="A preset's name, or a JSON file.")] = None,
    out: Annotated[Path, Parameter(help="Where products are written.")] = Path(),
    json_: Annotated[bool, Parameter(name="--json", help="One JSON object a file.")] = False,
) -> None:
    """Run a recipe on files with no server at all."""
    settings = Settings()
    log.set_up(level="warning")
    sys.exit(asyncio.run(_process(files, recipe, out, settings, as_json=json_)))


async def _process(
    files: tuple[Path, ...], recipe: str | None, out: Path, settings: Settings, *, as_json: bool
) -> int:
    failed = 0
    with tempfile.TemporaryDirectory(prefix="mediakiln-") as scratch:
        async with pipeline(settings, folder=Path(scratch)) as running:
            slots = asyncio.Semaphore(settings.workers * 2)

            async def one(path: Path) -> bool:
                async with slots:
                    return await _one(running, path, recipe, out, as_json=as_json)

            results = await asyncio.gather(*(one(path) for path in files))
            failed = results.count(False)
    return 1 if failed else 0


async def _one(
    running: Pipeline, path: Path, recipe: str | None, out: Path, *, as_json: bool
) -> bool:
    try:
        asset = await running.submit(path, recipe=running.recipes.resolve(read_recipe(recipe)))
        asset = await running.wait(asset.id)
        products = await running.take(asset, out)
    except (MediakilnError, OSError) as error:
        if isinstance(error, MediakilnError):
            told = Problem.of(error).model_dump()
        else:
            told = {"code": "io_error", "message": error.strerror or str(error)}
        tell(path, {"state": "rejected", "error": told}, as_json=as_json)
        return False
    answer: dict[str, Any] = {
        "state": asset.state.value,
        "kind": asset.kind,
        "media_type": asset.media_type,
        "products": {name: str(product) for name, product in products.items()},
        "error": asset.error.model_dump() if asset.error else None,
        "turnaround_s": asset.turnaround_s,
    }
    tell(path, answer, as_json=as_json)
    return asset.state is AssetState.READY


def tell(path: Path, answer: dict[str, Any], *, as_json: bool) -> None:
    """Print a file's end: its products, and on standard error what failed and in which step."""
    if as_json:
        print(json.dumps({"file": str(path), **answer}), flush=True)
        return
    if answer["error"]:
        error = answer["error"]
        failed = answer["state"] == "failed" and error.get("step")
        step = f" in step {error['step']}" if failed else ""
        said = f"{path}: {answer['state']}{step}: {error['code']}: {error['message']}"
        print(said, file=sys.stderr)
    for product in answer.get("products", {}).values():
        print(product, flush=True)
