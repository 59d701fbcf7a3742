"""`mediakiln projects`."""

import json

from cyclopts import App
from rich.table import Table

from mediakiln.cli.asking import ask, pages
from mediakiln.cli.assets import Data, Json
from mediakiln.cli.connection import Server
from mediakiln.cli.output import console

app = App(name="projects", help="Make and list projects.")

_MOST = 10_000


@app.command
def create(name: str, /, *, data: Data = None) -> None:
    """Make a project; only the owner's key may."""
    made = ask(Server(data, project=""), "POST", "/v1/projects", body={"name": name})
    print(f"{made['name']} is there; `mediakiln keys create NAME --project {name}` opens it")


@app.command(name="list")
def list_(*, data: Data = None, json_: Json = False) -> None:
    """The projects there are."""
    found = list(pages(Server(data, project=""), "/v1/projects", "projects", limit=_MOST))
    if json_:
        print(json.dumps(found, indent=2))
        return
    table = Table("name", "created", "by", box=None)
    for project in found:
        created = (project["created_at"] or "-")[:19].replace("T", " ")
        table.add_row(project["name"], created, project["created_by"] or "-")
    console().print(table)
