"""`mediakiln audit`."""

import json
from datetime import datetime
from typing import Annotated

from cyclopts import Parameter
from rich.table import Table

from mediakiln.cli.asking import pages
from mediakiln.cli.assets import Data, Json
from mediakiln.cli.connection import Server
from mediakiln.cli.connection import project as chosen
from mediakiln.cli.output import console


def audit(
    *,
    project: Annotated[str | None, Parameter(help="Of this project only.")] = None,
    who: Annotated[str | None, Parameter(help="By this principal, such as owner.")] = None,
    what: Annotated[str | None, Parameter(help="Such as key.created, or key.")] = None,
    subject: Annotated[str | None, Parameter(help="Done to this id or name.")] = None,
    since: Annotated[datetime | None, Parameter(help="From this time on.")] = None,
    limit: Annotated[int, Parameter(help="At most this many.")] = 200,
    data: Data = None,
    json_: Json = False,
) -> None:
    """Who did what, when and from where, newest first."""
    found = list(
        pages(
            Server(data),
            "/v1/audit",
            "entries",
            limit=limit,
            project=project or chosen(Server(data).settings),
            who=who,
            what=what,
            subject=subject,
            since=None if since is None else since.astimezone().isoformat(),
        )
    )
    if json_:
        print(json.dumps(found, indent=2))
        return
    table = Table("when", "project", "who", "what", "subject", "address", box=None)
    for entry in found:
        table.add_row(
            entry["at"][:19].replace("T", " "),
            entry["project"],
            entry["who"],
            entry["what"],
            entry["subject"].replace("[", r"\["),
            entry["address"],
        )
    console().print(table)
