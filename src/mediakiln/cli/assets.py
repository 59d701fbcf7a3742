"""`mediakiln assets`."""

import itertools
import json
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from mediakiln.cli import words
from mediakiln.cli.connection import HERE, Server, connected
from mediakiln.cli.output import console
from mediakiln.cli.recipe import read_recipe
from mediakiln.client import Asset
from mediakiln.model.kind import AssetState, Kind

app = App(name="assets", help="List and show assets; delete, restore or process them again.")

Data = Annotated[Path | None, Parameter(help="The data folder of a local server.")]
Json = Annotated[bool, Parameter(name="--json", help="As JSON.")]


@app.command(name="list")
def list_(
    *,
    state: Annotated[AssetState | None, Parameter(help="Only those in this state.")] = None,
    kind: Annotated[Kind | None, Parameter(help="Only those of this kind.")] = None,
    search: Annotated[
        str | None,
        Parameter(help="Only those with these words in name, tags or content; word* begins one."),
    ] = None,
    limit: Annotated[int, Parameter(help="At most this many.")] = 20,
    server: Server = HERE,
    json_: Json = False,
) -> None:
    """The newest assets."""
    with connected(server) as client:
        found = list(itertools.islice(client.list(state=state, kind=kind, search=search), limit))
    if json_:
        print(json.dumps([asset.model_dump(mode="json") for asset in found], indent=2))
    else:
        console().print(words.asset_table(found))


@app.command
def show(id: str, /, *, server: Server = HERE, json_: Json = False) -> None:
    """One asset with its steps and products."""
    with connected(server) as client:
        asset = client.get(id)
    _print(asset, as_json=json_)


@app.command
def process(
    id: str,
    /,
    *,
    recipe: Annotated[str | None, Parameter(help="A preset's name, or a JSON file.")] = None,
    wait: Annotated[bool, Parameter(help="Wait until the run has ended.")] = False,
    server: Server = HERE,
    json_: Json = False,
) -> None:
    """Start another run; only missing products are made."""
    spec = read_recipe(recipe)
    inline = json.loads(spec) if spec and spec.lstrip().startswith("{") else spec
    with connected(server) as client:
        asset = client.process(id, inline)
        if wait:
            asset = client.wait(asset)
    _print(asset, as_json=json_)
    if wait and asset.state is not AssetState.READY:
        sys.exit(1)


@app.command
def delete(id: str, /, *, server: Server = HERE, json_: Json = False) -> None:
    """Hide an asset at once; its bytes are deleted after the grace."""
    with connected(server) as client:
        _print(client.delete(id), as_json=json_)


@app.command
def restore(id: str, /, *, server: Server = HERE) -> None:
    """Bring products that are missing back from the archive."""
    with connected(server) as client:
        count = client.restore(id)
    print(f"{count} restored")


@app.command
def purge(id: str, /, *, server: Server = HERE) -> None:
    """Remove the images that were derived from an asset on request; they are made anew."""
    with connected(server) as client:
        count = client.purge(id)
    print(f"{count} purged")


@app.command
def download(
    id: str,
    product: Annotated[
        str | None, Parameter(help="A product's name; default: the original.")
    ] = None,
    /,
    *,
    out: Annotated[Path, Parameter(help="A folder or a file.")] = Path(),
    server: Server = HERE,
) -> None:
    """Save the original or a product."""
    with connected(server) as client:
        asset = client.get(id)
        path = client.download(asset if product is None else asset.product(product), out)
    print(path)


def _print(asset: Asset, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(asset.model_dump(mode="json"), indent=2))
        return
    screen = console()
    screen.print(words.asset_table([asset]))
    screen.print(words.result_table([asset]))
