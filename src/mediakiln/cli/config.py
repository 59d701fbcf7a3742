"""`mediakiln config`."""

import json
from typing import Annotated, Any

from cyclopts import Parameter
from pydantic import BaseModel, SecretStr

from mediakiln.cli.output import console
from mediakiln.roles.settings import Settings, origins


def config(
    *,
    json_: Annotated[bool, Parameter(name="--json", help="As one JSON object.")] = False,
) -> None:
    """Every setting, its value and where it came from."""
    found = origins(Settings())
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


def _plain(value: Any) -> Any:
    """A value as it is written in a settings file; secrets stay hidden."""
    if isinstance(value, SecretStr):
        return str(value)
    if isinstance(value, BaseModel):
        return {key: _plain(item) for key, item in value}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)
