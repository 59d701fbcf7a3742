"""`mediakiln import`."""

import sys
import time
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from mediakiln.cli.connection import HERE, Server, connected
from mediakiln.cli.recipe import read_recipe
from mediakiln.client import Client
from mediakiln.client.models import Import
from mediakiln.model.errors import InvalidRequest

_POLL_S = 1.0
_SHOWN = 20
"""Files that failed, of which each is named."""


def import_(
    *urls: Annotated[str, Parameter(help="Addresses of files, http:// or https://.")],
    manifest: Annotated[Path | None, Parameter(help="A list, .csv or .jsonl.")] = None,
    source: Annotated[
        str | None, Parameter(help="A place of the operator's, as NAME or NAME/PREFIX.")
    ] = None,
    recipe: Annotated[str | None, Parameter(help="A preset's name, or a JSON file.")] = None,
    tag: Annotated[tuple[str, ...], Parameter(help="Tags to give the assets.")] = (),
    uploader: Annotated[str | None, Parameter(help="Whose files they are.")] = None,
    wait: Annotated[bool, Parameter(help="Wait until every file has its outcome.")] = False,
    server: Server = HERE,
    json_: Annotated[bool, Parameter(name="--json", help="The import as a JSON object.")] = False,
) -> None:
    """Have the server fetch files from elsewhere.

    The import's id and state go to standard output, progress to standard error. The server goes
    on by itself; Ctrl-C ends the waiting only. Exit code 0: all well; 1: a file failed, with
    --wait, or the import was refused; 3: no server.
    """
    if sum((bool(urls), manifest is not None, source is not None)) != 1:
        raise InvalidRequest("give addresses, or --manifest, or --source")
    with connected(server) as client:
        job = _begin(client, urls, manifest, source, read_recipe(recipe), tag, uploader)
        if wait:
            if not json_:
                print(f"import {job.id}", file=sys.stderr, flush=True)
            job = _follow(client, job)
        print(job.model_dump_json() if json_ else f"{job.id} {job.state}", flush=True)
        if wait and (job.failed or job.state != "done"):
            _tell_failed(client, job)
            sys.exit(1)


def _begin(
    client: Client,
    urls: tuple[str, ...],
    manifest: Path | None,
    source: str | None,
    recipe: str | None,
    tags: tuple[str, ...],
    uploader: str | None,
) -> Import:
    if manifest is not None:
        if recipe is not None and recipe.lstrip().startswith("{"):
            raise InvalidRequest("a manifest's recipe is a preset's name")
        try:
            return client.imports.create_from(manifest, recipe=recipe, tags=tags, uploader=uploader)
        except (OSError, ValueError) as error:
            raise InvalidRequest(f"{manifest}: {error}") from error
    place, _, prefix = (source or "").partition("/")
    return client.imports.create(
        urls=urls or None,
        source=place or None,
        prefix=prefix or None,
        recipe=recipe,
        tags=tags,
        uploader=uploader,
    )


def _follow(client: Client, job: Import) -> Import:
    """The import once it has ended, shown on the way."""
    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[failed]} failed"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    )
    with bars:
        bar = bars.add_task("importing", total=job.total, failed=0)
        while True:
            done = job.done + job.failed + job.skipped
            words = "listing" if job.state == "listing" else "importing"
            bars.update(
                bar, completed=done, total=job.total or None, failed=job.failed, description=words
            )
            if job.settled:
                return job
            time.sleep(_POLL_S)
            job = client.imports.get(job.id)


def _tell_failed(client: Client, job: Import) -> None:
    if job.error is not None:
        print(f"{job.error.code}: {job.error.message}", file=sys.stderr)
    for shown, item in enumerate(client.imports.items(job.id, state="failed")):
        if shown == _SHOWN:
            rest = f"… {job.failed - shown} more: GET /v1/imports/{job.id}/items?state=failed"
            print(rest, file=sys.stderr)
            return
        why = "" if item.error is None else f": {item.error.code}: {item.error.message}"
        print(f"{item.number} {item.source}{why}", file=sys.stderr)
