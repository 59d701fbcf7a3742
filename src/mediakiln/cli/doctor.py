"""`mediakiln doctor`."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.table import Table

from mediakiln.cli.output import console
from mediakiln.roles.checkup import Finding, checkup
from mediakiln.roles.settings import Settings
from mediakiln.telemetry import log


def doctor(
    *,
    data: Annotated[Path | None, Parameter(help="The folder that holds all state.")] = None,
    json_: Annotated[bool, Parameter(name="--json", help="As JSON.")] = False,
) -> None:
    """Check this machine and the configured engines; exit code 1 when something fails.

    Each failure prints its remedy. Nothing is left behind but the data folder itself.
    """
    log.set_up(level="error")
    findings = asyncio.run(checkup(Settings.given(data=data)))
    if json_:
        print(json.dumps([finding.to_json() for finding in findings], indent=2))
    else:
        _print(findings)
    sys.exit(1 if any(finding.state == "fails" for finding in findings) else 0)


def _print(findings: list[Finding]) -> None:
    styles = {"good": "green", "note": "yellow", "fails": "red"}
    table = Table("", "check", "found", box=None, pad_edge=False)
    for finding in findings:
        table.add_row(
            f"[{styles[finding.state]}]{finding.state}[/]",
            finding.name,
            finding.found.replace("[", r"\["),
        )
        if finding.remedy:
            table.add_row("", "", f"[bold]-> {finding.remedy}[/]")
    console().print(table)
