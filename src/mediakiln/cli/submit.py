"""`mediakiln submit`."""

import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, validators
from platformdirs import user_state_path

from mediakiln.cli.connection import HERE, Server, address, connected_async, key
from mediakiln.cli.recipe import read_recipe
from mediakiln.cli.sending.bars import FEW, Bars
from mediakiln.cli.sending.journal import Journal
from mediakiln.cli.sending.one import Job
from mediakiln.cli.sending.run import Run
from mediakiln.cli.sending.walk import Wanted
from mediakiln.client.resources.uploads import Recipe
from mediakiln.roles.settings import Settings

AT_ONCE = 8
_Globs = tuple[str, ...]


def submit(
    *files: Annotated[Path, Parameter(help="Files, and folders whose files are meant.")],
    recipe: Annotated[str | None, Parameter(help="A preset's name, or a JSON file.")] = None,
    tag: Annotated[tuple[str, ...], Parameter(help="Tags to give the assets.")] = (),
    uploader: Annotated[str | None, Parameter(help="Who uploads.")] = None,
    include: Annotated[_Globs, Parameter(help="Only these files of folders, like '*.jpg'.")] = (),
    exclude: Annotated[_Globs, Parameter(help="Not these files and folders in folders.")] = (),
    hidden: Annotated[bool, Parameter(help="Names that begin with a dot, too.")] = False,
    concurrency: Annotated[
        int, Parameter(help="Files sent at once.", validator=validators.Number(gte=1, lte=64))
    ] = AT_ONCE,
    again: Annotated[bool, Parameter(help="Send what was sent before, too.")] = False,
    wait: Annotated[bool, Parameter(help="Wait until every run has ended.")] = False,
    server: Server = HERE,
    json_: Annotated[bool, Parameter(name="--json", help="One JSON object a file.")] = False,
) -> None:
    """Upload files and folders, and wait for their products if asked to.

    Ids and states go to standard output, progress to standard error. After an interruption the
    same command goes on from there: large files with the parts that are missing, folders with
    the files. Exit code 0: all well; 1: a file was refused, or its run did not end ready;
    3: no server; 130: interrupted.
    """
    job = Job(
        recipe=_recipe(recipe),
        tags=tag,
        uploader=uploader,
        wait=wait,
        again=again,
        as_json=json_,
    )
    wanted = Wanted(include=include, exclude=exclude, hidden=hidden)
    settings = server.settings
    sys.exit(asyncio.run(_submit(files, wanted, job, settings, concurrency)))


async def _submit(
    places: Sequence[Path], wanted: Wanted, job: Job, settings: Settings, concurrency: int
) -> int:
    many = len(places) > FEW or any(place.is_dir() for place in places)
    asked = [json.dumps([job.recipe, list(job.tags), job.uploader])]
    asked += [settings.project] if settings.project else []
    where = user_state_path("mediakiln", appauthor=False)
    async with connected_async(settings) as client:
        with (
            Journal.opened(where, address(settings), key(settings) or "", *asked) as journal,
            Bars(many=many) as bars,
        ):
            run = Run(client, job, journal, bars, concurrency=concurrency)
            try:
                ok = await run.all(places, wanted)
            except asyncio.CancelledError:
                print(
                    f"mediakiln: interrupted after {bars.summary}; "
                    "the same command goes on from there",
                    file=sys.stderr,
                )
                raise
    return 0 if ok else 1


def _recipe(given: str | None) -> Recipe | None:
    """A recipe as what it is; what is no JSON is left to the server, which says why."""
    text = read_recipe(given)
    if text is None or not text.lstrip().startswith("{"):
        return text
    try:
        found: Recipe = json.loads(text)
    except ValueError:
        return text
    return found
