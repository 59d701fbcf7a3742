"""`mediakiln run ROLE`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from mediakiln.model.kind import Kind
from mediakiln.roles.settings import Settings
from mediakiln.roles.table import run as run_role
from mediakiln.telemetry import log


def run(
    role: Annotated[str, Parameter(help="web, upload, multipart, tus, classify, process, join, …")],
    /,
    *,
    data: Annotated[Path | None, Parameter(help="The folder that holds all state.")] = None,
    host: Annotated[str | None, Parameter(help="Address to listen on (web, ways in).")] = None,
    port: Annotated[int | None, Parameter(help="Port to listen on (web, ways in).")] = None,
    workers: Annotated[int | None, Parameter(help="Jobs at once (process).")] = None,
    kinds: Annotated[tuple[Kind, ...] | None, Parameter(help="Kinds to work on (process).")] = None,
) -> None:
    """Run one role until SIGTERM; several of one role may run side by side."""
    settings = Settings.given(data=data, host=host, port=port, workers=workers, kinds=kinds)
    log.set_up(level=settings.log_level, as_json=settings.log_json)
    run_role(role, settings)
