"""Imports: files that the server fetches by itself."""

from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Any, Final

from mediakiln.client import awaiting, blocking
from mediakiln.client.awaiting import AsyncResource, there
from mediakiln.client.blocking import Resource, here
from mediakiln.client.call import Call, Flow, Pages, Pause, ask, given, once, paged, part
from mediakiln.client.content import Sendable, source_of
from mediakiln.client.models import Import, ImportItem
from mediakiln.client.resources.uploads import Recipe

_PAUSE_S: Final = 1.0
_MANIFESTS: Final = {".csv": "text/csv", ".jsonl": "application/jsonl"}


def create(
    *,
    urls: Sequence[str] | None = None,
    items: Sequence[Mapping[str, Any]] | None = None,
    source: str | None = None,
    prefix: str | None = None,
    recipe: Recipe | None = None,
    tags: Sequence[str] = (),
    uploader: str | None = None,
) -> Call[Import]:
    """Have the server fetch files: give one of `urls`, `items` and `source`.

    Args:
        urls: the files' addresses.
        items: files as objects with `url`, `name`, `recipe`, `tags`, `uploader`.
        source: a place that the operator has named.
        prefix: of the keys in that place; by default all.
        recipe: a preset's name or a recipe, for all that do not say otherwise.
        tags: of every asset.
        uploader: whose files they are.
    """
    body = given(
        urls=urls and list(urls),
        items=items and [dict(item) for item in items],
        source=source,
        prefix=prefix,
        recipe=recipe,
        tags=list(tags) or None,
        uploader=uploader,
    )
    return Call("POST", "/v1/imports", Import.model_validate, headers=once(), body=body)


def create_from(
    manifest: Sendable,
    *,
    name: str | None = None,
    recipe: str | None = None,
    tags: Sequence[str] = (),
    uploader: str | None = None,
) -> Call[Import]:
    """Have the server fetch the files of a manifest, a `.csv` or `.jsonl` file.

    `name` says which of the two it is, where `manifest` has no name. The rest is for lines that
    do not say otherwise; `recipe` is a preset's name.

    Raises:
        ValueError: the name ends otherwise.
        OSError: the file cannot be read.
    """
    file = source_of(manifest, name)
    ending = file.name[file.name.rfind(".") :].lower()
    if ending not in _MANIFESTS:
        raise ValueError(f"a manifest's name ends in .csv or .jsonl, not like {file.name!r}")
    return Call(
        "POST",
        "/v1/imports",
        Import.model_validate,
        params=given(recipe=recipe, tags=",".join(tags) or None, uploader=uploader),
        headers={"Content-Type": _MANIFESTS[ending]} | once(),
        content=lambda: file.pieces(0, file.size),
        repeatable=file.repeatable,
    )


def get(id: str) -> Call[Import]:
    """How far an import is."""
    return Call("GET", f"/v1/imports/{part(id)}", Import.model_validate)


def list_() -> Pages[Import]:
    """Imports, oldest first."""
    return paged("/v1/imports", "imports", Import.model_validate)


def items(id: str, *, state: str | None = None) -> Pages[ImportItem]:
    """What became of each file; with a state, of those in it."""
    return paged(f"/v1/imports/{part(id)}/items", "items", ImportItem.model_validate, state=state)


def retry(id: str) -> Call[Import]:
    """Try again what failed or was skipped, once the import has ended."""
    path = f"/v1/imports/{part(id)}/retry"
    return Call("POST", path, Import.model_validate, repeatable=False)


def cancel(id: str) -> Call[Import]:
    """Take in nothing more; assets that are there stay."""
    return Call("DELETE", f"/v1/imports/{part(id)}", Import.model_validate)


def wait(id: str, timeout: float | None = None) -> Flow[Import]:
    """The import once every file has its outcome.

    Raises:
        TimeoutError: it did not end within `timeout` seconds.
    """
    end = None if timeout is None else monotonic() + timeout
    while True:
        latest = yield from ask(get(id))
        if latest.settled:
            return latest
        if end is not None and monotonic() >= end:
            raise TimeoutError(f"import {id} is still {latest.state}")
        yield Pause(_PAUSE_S)


class Imports(Resource):
    """Files that the server fetches by itself."""

    create = here(create)
    create_from = here(create_from)
    get = here(get)
    list = blocking.listed(list_)
    items = blocking.listed(items)
    wait = here(wait)
    retry = here(retry)
    cancel = here(cancel)


class AsyncImports(AsyncResource):
    """Files that the server fetches by itself."""

    create = there(create)
    create_from = there(create_from)
    get = there(get)
    list = awaiting.listed(list_)
    items = awaiting.listed(items)
    wait = there(wait)
    retry = there(retry)
    cancel = there(cancel)
