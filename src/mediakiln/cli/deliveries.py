"""`mediakiln deliveries`."""

import json
from typing import Annotated
from urllib.parse import quote

from cyclopts import App, Parameter
from rich.table import Table

from mediakiln.cli.asking import ask, pages
from mediakiln.cli.assets import Json
from mediakiln.cli.connection import HERE, Server
from mediakiln.cli.output import console

app = App(name="deliveries", help="List how others were told of an asset, and tell them again.")


@app.command(name="list")
def list_(
    asset: str,
    /,
    *,
    limit: Annotated[int, Parameter(help="At most this many.")] = 50,
    server: Server = HERE,
    json_: Json = False,
) -> None:
    """The deliveries of an asset's news, of the last 30 days."""
    found = list(pages(server, f"/v1/assets/{_part(asset)}/deliveries", "deliveries", limit=limit))
    if json_:
        print(json.dumps(found, indent=2))
        return
    table = Table("delivery", "target", "type", "state", "attempts", "last", box=None)
    for each in found:
        last = each["attempts"][-1]
        said = last.get("error") or f"{last.get('status') or ''}"
        table.add_row(
            each["id"],
            each["target"],
            each.get("type", ""),
            each["state"],
            str(len(each["attempts"])),
            f"{last['at'][:19]} {said}".replace("[", r"\["),
        )
    console().print(table)


@app.command
def resend(asset: str, /, *deliveries: str, server: Server = HERE) -> None:
    """Send deliveries of an asset's news once more, each with its old id."""
    for id in deliveries:
        path = f"/v1/assets/{_part(asset)}/deliveries/{_part(id)}/resend"
        sent = ask(server, "POST", path)
        print(f"{id} {sent['state']}: {sent['target']}")


def _part(id: str) -> str:
    return quote(id, safe="")
