"""`mediakiln keys`."""

import json
import sys
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from cyclopts import App, Parameter
from rich.table import Table

from mediakiln.cli import connection
from mediakiln.cli.asking import ask, pages
from mediakiln.cli.assets import Data, Json
from mediakiln.cli.connection import Server
from mediakiln.cli.output import console
from mediakiln.client.address import Address
from mediakiln.model.access import Scope
from mediakiln.roles.settings import Settings
from mediakiln.stages.access.s3 import credentials

app = App(name="keys", help="Make, list and revoke API keys.")


@app.command
def create(
    name: str,
    /,
    *,
    scope: Annotated[list[Scope], Parameter(help="What it allows; may be given more than once.")],
    project: Annotated[str | None, Parameter(help="Its project.")] = None,
    uploader: Annotated[str | None, Parameter(help="Stands on every upload by it.")] = None,
    rate: Annotated[str | None, Parameter(help="Requests, like `20/second; 5000/hour`.")] = None,
    files_a_day: Annotated[int | None, Parameter(help="Files it may put in a day.")] = None,
    bytes_a_day: Annotated[int | None, Parameter(help="Bytes it may put in a day.")] = None,
    days: Annotated[float | None, Parameter(help="How long it is good for.")] = None,
    data: Data = None,
    json_: Json = False,
) -> None:
    """Make a key and print it; it is shown this once."""
    ends = None if days is None else datetime.now(UTC) + timedelta(days=days)
    quota = {"files": files_a_day, "bytes": bytes_a_day}
    wanted = {
        "name": name,
        "scopes": [each.value for each in scope],
        "project": project,
        "uploader": uploader,
        "rate": rate,
        "quota": quota if any(quota.values()) else None,
        "expires_at": None if ends is None else ends.isoformat(),
    }
    made = ask(Server(data), "POST", "/v1/keys", body=wanted)
    print(json.dumps(made, indent=2) if json_ else made["key"])


@app.command(name="list")
def list_(
    *,
    limit: Annotated[int, Parameter(help="At most this many.")] = 200,
    data: Data = None,
    json_: Json = False,
) -> None:
    """The keys there are, without their secrets."""
    found = list(pages(Server(data), "/v1/keys", "keys", limit=limit))
    if json_:
        print(json.dumps(found, indent=2))
        return
    table = Table("id", "name", "project", "scopes", "created", "last used", "state", box=None)
    for key in found:
        table.add_row(
            key["id"],
            key["name"].replace("[", r"\["),
            key["project"],
            " ".join(key["scopes"]),
            _day(key["created_at"]),
            _day(key["last_used_at"]),
            _state(key),
        )
    console().print(table)


@app.command
def revoke(*ids: str, data: Data = None) -> None:
    """End keys; every server process minds that within five seconds."""
    for id in ids:
        key = ask(Server(data), "DELETE", f"/v1/keys/{id}")
        print(f"{id} ({key['name']}) is revoked")


@app.command
def s3(*, data: Data = None) -> None:
    """Print what S3 tools must know to work with the key in use, for `eval`."""
    settings = Settings.given(data=data)
    held = connection.key(settings)
    if held is None:
        print("mediakiln: there is no key; set MEDIAKILN_KEY or --data", file=sys.stderr)
        sys.exit(2)
    id, secret = credentials(held)
    print(f"export AWS_ACCESS_KEY_ID={id}")
    print(f"export AWS_SECRET_ACCESS_KEY={secret}")
    print("export AWS_REGION=us-east-1")
    print(f"export AWS_ENDPOINT_URL_S3={Address.of(connection.address(settings), None).url}/s3")


def _state(key: dict[str, Any]) -> str:
    if key["revoked_at"]:
        return f"revoked {_day(key['revoked_at'])}"
    ends = key["expires_at"]
    if ends is None:
        return "good"
    over = datetime.fromisoformat(ends) <= datetime.now(UTC)
    return f"{'expired' if over else 'until'} {_day(ends)}"


def _day(moment: str | None) -> str:
    return "-" if moment is None else moment[:16].replace("T", " ")
