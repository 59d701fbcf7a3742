"""`/v1/imports`: files that are fetched from elsewhere, as jobs."""

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request
from pydantic import ValidationError

from mediakiln.model.access import Principal, Scope
from mediakiln.model.errors import Forbidden, InvalidRequest, LimitExceeded, TooLarge
from mediakiln.model.imports import ItemState
from mediakiln.model.upload import Offer
from mediakiln.stages.importing import Wanted
from mediakiln.stages.importing.manifest import of_entries, read_csv, read_jsonl
from mediakiln.web.access import allowed, constrained, noted
from mediakiln.web.api.openapi import problems
from mediakiln.web.bodies import stream_body
from mediakiln.web.services import Services
from mediakiln.web.upload.import_shapes import (
    Common,
    ImportIn,
    ImportOut,
    ImportPage,
    ItemOut,
    ItemPage,
    view,
)

MAX_JSON_BYTES: Final = 16 * 1024 * 1024
MAX_MANIFEST_BYTES: Final = 1024 * 1024 * 1024
_READERS = {
    "text/csv": read_csv,
    "application/x-ndjson": read_jsonl,
    "application/jsonl": read_jsonl,
    "application/jsonlines": read_jsonl,
}

Id = Annotated[str, Path(description="The import's id, a UUID.")]
Cursor = Annotated[str | None, Query(description="Of the page before.")]


def router(services: Services) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["imports"])
    _beginning(routes, services)
    _looking(routes, services)
    _acting(routes, services)
    return routes


def _beginning(routes: APIRouter, services: Services) -> None:
    @routes.post(
        "/v1/imports",
        status_code=201,
        openapi_extra={"requestBody": _BODY},
        responses=problems(400, 403, 413, 415, 422),
    )
    async def create_import(
        request: Request,
        recipe: Annotated[str | None, Query(description="For a manifest: a preset.")] = None,
        uploader: Annotated[str, Query(description="For a manifest.")] = "",
        tags: Annotated[str, Query(description="For a manifest: separated by commas.")] = "",
    ) -> ImportOut:
        """Fetch files from URLs (a JSON list or a manifest) or from a place of the operator's."""
        principal, desk = _importer(request), services.imports
        async with aclosing(stream_body(request.receive)) as chunks:
            read = _READERS.get(_media_type(request))
            if read is not None:
                said = _common(recipe, uploader, tags)
                wanted = _wanted(principal, said, services)
                job = await desk.begin_list(wanted, read(_at_most(chunks, MAX_MANIFEST_BYTES)))
            else:
                asked = await _asked(chunks)
                wanted = _wanted(principal, asked, services)
                entries = asked.entries()
                if entries is None:
                    job = await desk.begin_place(wanted, asked.source or "", asked.prefix)
                else:
                    job = await desk.begin_list(wanted, of_entries(entries))
        await noted(request.scope, services, "import.created", job.id, total=job.total)
        return view(job)


def _looking(routes: APIRouter, services: Services) -> None:
    desk = services.imports

    @routes.get("/v1/imports", responses=problems(422))
    async def list_imports(
        request: Request,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        cursor: Cursor = None,
    ) -> ImportPage:
        """Imports, oldest first; they are kept for 30 days."""
        project = allowed(request.scope, Scope.READ).project
        jobs, following = await desk.list(project, limit=limit, cursor=cursor)
        return ImportPage(imports=[view(job) for job in jobs], cursor=following)

    @routes.get("/v1/imports/{id}", responses=problems(404))
    async def get_import(request: Request, id: Id) -> ImportOut:
        """How far an import is."""
        return view(await desk.get(allowed(request.scope, Scope.READ).project, id))

    @routes.get("/v1/imports/{id}/items", responses=problems(400, 404, 422))
    async def list_items(
        request: Request,
        id: Id,
        state: ItemState | None = None,
        limit: Annotated[
            int, Query(ge=1, le=1000, description="A page may hold up to 99 more.")
        ] = 100,
        cursor: Cursor = None,
    ) -> ItemPage:
        """What became of each file; with `state=failed`, of those that failed."""
        project = allowed(request.scope, Scope.READ).project
        start = _start(cursor)
        items, following = await desk.items(project, id, state=state, limit=limit, start=start)
        views = [ItemOut.model_validate(item, from_attributes=True) for item in items]
        return ItemPage(items=views, cursor=None if following is None else str(following))


def _acting(routes: APIRouter, services: Services) -> None:
    desk = services.imports

    @routes.post("/v1/imports/{id}/retry", status_code=202, responses=problems(404, 409))
    async def retry_import(request: Request, id: Id) -> ImportOut:
        """Try again what failed or was skipped, once the import has ended."""
        return view(await desk.retry(_importer(request).project, id))

    @routes.delete("/v1/imports/{id}", status_code=202, responses=problems(404))
    async def cancel_import(request: Request, id: Id) -> ImportOut:
        """Take in nothing more; assets that are there stay. Again is no error."""
        return view(await desk.cancel(_importer(request).project, id))


def _importer(request: Request) -> Principal:
    principal = allowed(request.scope, Scope.UPLOAD)
    if principal.limits is not None:
        raise Forbidden("an upload token does not import", hint="use a key")
    return principal


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _wanted(principal: Principal, said: Common, services: Services) -> Wanted:
    offer = Offer(
        name="",
        uploader=said.uploader,
        tags=tuple(dict.fromkeys(said.tags)),
        recipe=services.recipes.resolve(said.recipe),
    )
    if not offer.uploader.isprintable() or not all(tag.isprintable() for tag in offer.tags):
        raise InvalidRequest("tags and uploader are printable characters", field="tags")
    given = constrained(principal, offer, services.recipes)
    return Wanted(
        project=given.project,
        by=principal.id,
        uploader=given.uploader,
        tags=given.tags,
        recipe=given.recipe,
        uploader_fixed=principal.uploader is not None,
        account=given.counted,
        quota=principal.quota,
    )


def _common(recipe: str | None, uploader: str, tags: str) -> Common:
    parts = tuple(tag.strip() for tag in tags.split(",") if tag.strip())
    try:
        return Common(recipe=recipe, uploader=uploader, tags=parts)
    except ValidationError as error:
        raise _invalid(error) from None


async def _asked(chunks: AsyncIterator[bytes]) -> ImportIn:
    body = bytearray()
    async for chunk in _at_most(chunks, MAX_JSON_BYTES):
        body += chunk
    try:
        return ImportIn.model_validate(json.loads(body))
    except ValidationError as error:
        raise _invalid(error) from None
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(
            f"the body is not valid JSON: {error}",
            hint="send JSON, or a manifest as text/csv or application/x-ndjson",
        ) from None


def _invalid(error: ValidationError) -> InvalidRequest | LimitExceeded:
    first = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    kind = LimitExceeded if first["type"] == "too_long" else InvalidRequest
    return kind(f"{field}: {first['msg']}", field=field, hint="see /docs for what is allowed")


async def _at_most(chunks: AsyncIterator[bytes], limit: int) -> AsyncGenerator[bytes, None]:
    total = 0
    async for chunk in chunks:
        total += len(chunk)
        if total > limit:
            raise TooLarge(f"the body is larger than {limit} bytes", limit=limit, value=total)
        yield chunk


def _start(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not cursor.isascii() or not cursor.isdigit() or len(cursor) > 9:  # noqa: PLR2004 - pages
        raise InvalidRequest("the cursor is not one of ours", field="cursor")
    return int(cursor)


_BODY: Final = {
    "required": True,
    "content": {
        "application/json": {"schema": ImportIn.model_json_schema()},
        "text/csv": {"schema": {"type": "string"}},
        "application/x-ndjson": {"schema": {"type": "string"}},
    },
}
