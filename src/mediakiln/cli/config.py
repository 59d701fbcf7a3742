"""`mediakiln config`."""

import json
import os
import re
import sys
from typing import Annotated, Any, Final

from cyclopts import Parameter
from pydantic import BaseModel, SecretStr

from mediakiln.cli.output import console
from mediakiln.roles.settings import Settings, origins

_CREDENTIALS: Final = re.compile(r"//[^/?#@]*@")


def config(
    *,
    json_: Annotated[bool, Parameter(name="--json", help="As one JSON object.")] = False,
    check: Annotated[
        bool, Parameter(negative=(), help="Print only what is wrong, without asking any engine.")
    ] = False,
) -> None:
    """Every setting, its value and where it came from.

    With `--check`, exit code 78 where a setting is wrong; `mediakiln doctor` tries the engines too.
    """
    settings = Settings()
    if check:
        _check(settings)
        return
    found = origins(settings)
    if json_:
        shown = {
            name: {"value": _plain(value), "from": origin}
            for name, (value, origin) in found.items()
        }
        print(json.dumps(shown, indent=2))
        return
    from rich.table import Table

    table = Table("setting", "value", "from", box=None, pad_edge=False)
    for name, (value, origin) in found.items():
        table.add_row(f"MEDIAKILN_{name.upper()}", str(_plain(value)), origin)
    console().print(table)


def _check(settings: Settings) -> None:
    from mediakiln.roles.checkup.configuration import unconnected

    wrong = [finding for finding in unconnected(settings) if finding.state == "fails"]
    for finding in wrong:
        print(f"mediakiln: {finding.found}\n  {finding.remedy}", file=sys.stderr)
    if wrong:
        sys.exit(os.EX_CONFIG)


def _plain(value: Any) -> Any:
    """A value as it is written in a settings file; secrets stay hidden."""
    if isinstance(value, SecretStr):
        return str(value)
    if isinstance(value, BaseModel):
        return {key: _plain(item) for key, item in value}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _bare(_plain(item)) for key, item in value.items()}
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _bare(value: Any) -> Any:
    """An address in a table, without whatever credentials somebody wrote into it."""
    return _CREDENTIALS.sub("//***@", value) if isinstance(value, str) else value
