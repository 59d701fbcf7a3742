"""`mediakiln dead`."""

import base64
import itertools
import json
from typing import Annotated

from cyclopts import App, Parameter
from rich.table import Table

from mediakiln.cli.assets import Data, Json
from mediakiln.cli.connection import Server, connected
from mediakiln.cli.output import console
from mediakiln.cli.words import id_column

app = App(name="dead", help="List, show, replay and drop dead letters.")


@app.command(name="list")
def list_(
    *,
    limit: Annotated[int, Parameter(help="At most this many.")] = 50,
    data: Data = None,
    json_: Json = False,
) -> None:
    """Messages that nobody could handle, oldest first."""
    with connected(Server(data)) as client:
        letters = list(itertools.islice(client.dead_letters(), limit))
    if json_:
        print(json.dumps([letter.model_dump(mode="json") for letter in letters], indent=2))
        return
    table = Table(id_column(), "topic", "group", "asset", "attempts", "buried", "reason", box=None)
    for letter in letters:
        buried = f"{letter.buried_at:%Y-%m-%d %H:%M:%S}"
        table.add_row(
            letter.id,
            letter.topic,
            letter.group,
            letter.key,
            str(letter.attempts),
            buried,
            letter.reason.replace("[", r"\["),
        )
    console().print(table)


@app.command
def show(id: str, /, *, data: Data = None) -> None:
    """One dead letter with its message."""
    with connected(Server(data)) as client:
        letter = client.dead_letter(id)
    shown = letter.model_dump(mode="json", exclude={"body_b64"})
    shown["body"] = base64.b64decode(letter.body_b64).decode(errors="replace")
    print(json.dumps(shown, indent=2, ensure_ascii=False))


@app.command
def replay(*ids: str, data: Data = None) -> None:
    """Send messages to their group again."""
    with connected(Server(data)) as client:
        for id in ids:
            letter = client.replay(id)
            print(f"{id} sent to {letter.topic}, group {letter.group}")


@app.command
def drop(*ids: str, data: Data = None) -> None:
    """Forget messages for good."""
    with connected(Server(data)) as client:
        for id in ids:
            client.drop(id)
            print(f"{id} dropped")
