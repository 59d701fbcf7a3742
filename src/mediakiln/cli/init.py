"""`mediakiln init`."""

import asyncio
import json
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from mediakiln.cli.output import console
from mediakiln.roles.engines import prepare
from mediakiln.roles.settings import Settings
from mediakiln.telemetry import log


def init(
    *,
    data: Annotated[Path | None, Parameter(help="The folder that holds all state.")] = None,
    json_: Annotated[bool, Parameter(name="--json", help="As one JSON object.")] = False,
) -> None:
    """Make what the configured engines need: topics and groups, tables, buckets.

    Safe to run again, and while the platform runs; what is there is left as it is. Roles do the
    same when they start: run it first where they lack the permission, or to learn of a mistake
    before anything is deployed.
    """
    settings = Settings.given(data=data)
    log.set_up(level="warning")
    made = asyncio.run(prepare(settings))
    if json_:
        print(json.dumps(made, indent=2))
        return
    for name, (url, what) in made.items():
        console().print(f"{name:8} {url}\n         {what}", markup=False, highlight=False)
