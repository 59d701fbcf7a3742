"""`/v1/assets`: look at assets, watch them, and act on them."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import StreamingResponse

from mediakiln.model.access import Scope
from mediakiln.model.asset import Asset
from mediakiln.model.errors import InvalidRequest, NotFound
from mediakiln.model.ids import is_id
from mediakiln.model.kind import AssetState, Kind
from mediakiln.model.recipe import Recipe
from mediakiln.stages.recipes import RecipeBook
from mediakiln.stages.search import MOST_CHARS
from mediakiln.web.access import allowed, noted
from mediakiln.web.api.openapi import problems
from mediakiln.web.api.schemas import AssetOut, AssetPage, ProcessIn, RestoreOut
from mediakiln.web.api.views import asset_view
from mediakiln.web.bodies import read_json
from mediakiln.web.live import Live
from mediakiln.web.services import Services
from mediakiln.web.urls import base_url

HEARTBEAT_S = 15.0
MAX_WAIT_S = 60.0

Id = Annotated[str, Path(description="The asset's id, a UUID.")]
Limit = Annotated[int, Query(ge=1, le=200)]
Question = Annotated[
    str | None,
    Query(
        description="Words of the asset's name and tags, of its kind and media type, and of what "
        "steps found in it: labels, read text, codes, keywords. All of them must be there; word* "
        "is the beginning of one. A page may be short and have a cursor.",
        json_schema_extra={"maxLength": MOST_CHARS},  # the search itself tells what is too long
    ),
]
Cursor = Annotated[str | None, Query(description="Of the page before.")]


def reading(services: Services, live: Live) -> APIRouter:
    """The routes that answer with assets as they are."""
    routes = APIRouter(tags=["assets"])

    @routes.get("/v1/assets", responses=problems(400, 403, 422))
    async def list_assets(
        request: Request,
        limit: Limit = 50,
        cursor: Cursor = None,
        state: AssetState | None = None,
        kind: Kind | None = None,
        q: Question = None,
    ) -> AssetPage:
        """Assets, newest first; what was uploaded a moment ago may be missing yet."""
        project = allowed(request.scope, Scope.READ).project
        chosen: dict[str, Any] = {"state": state, "kind": kind, "limit": limit, "cursor": cursor}
        if q is None:
            page = await services.catalog.list(project, **chosen)
        else:
            page = await services.search.find(project, q, **chosen)
        base = base_url(request.scope, services)
        views = [await asset_view(asset, services.deliver, base) for asset in page.assets]
        return AssetPage(assets=views, cursor=page.cursor)

    @routes.get("/v1/assets/{id}", responses=problems(403, 404, 410))
    async def get_asset(
        request: Request,
        id: Id,
        wait: Annotated[
            float, Query(ge=0, le=MAX_WAIT_S, description="Seconds to wait for the run's end.")
        ] = 0,
    ) -> AssetOut:
        """One asset; with `wait`, as soon as its run has ended."""
        principal = allowed(request.scope, Scope.READ)
        asset = await services.deliver.asset(id, project=principal.project)
        if wait and not asset.state.terminal:
            asset = await live.settled(asset, within_s=wait)
        return await asset_view(asset, services.deliver, base_url(request.scope, services))

    return routes


def following(services: Services, live: Live) -> APIRouter:
    """The routes that tell what happens to an asset."""
    routes = APIRouter(tags=["assets"])

    @routes.get(
        "/v1/assets/{id}/events",
        response_class=StreamingResponse,
        responses=problems(403, 404, 410) | {200: {"content": {"text/event-stream": _EVENTS}}},
    )
    async def watch_asset(request: Request, id: Id) -> StreamingResponse:
        """Server-sent events: an `asset` now and at every change, until the run has ended."""
        principal = allowed(request.scope, Scope.READ)
        asset = await services.deliver.asset(id, project=principal.project)
        base = base_url(request.scope, services)
        return StreamingResponse(
            _events(asset, services, live, base),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    return routes


def acting(services: Services) -> APIRouter:
    """The routes that change an asset."""
    routes = APIRouter(tags=["assets"])

    async def view(request: Request, asset: Asset) -> AssetOut:
        services.deliver.forget(asset.id)
        return await asset_view(asset, services.deliver, base_url(request.scope, services))

    @routes.delete("/v1/assets/{id}", status_code=202, responses=problems(403, 404))
    async def delete_asset(request: Request, id: Id) -> AssetOut:
        """Hide the asset at once; its bytes go after a grace. Again is no error."""
        principal = allowed(request.scope, Scope.DELETE)
        asset = await services.manage.delete(_known(id), project=principal.project)
        await noted(request.scope, services, "asset.deleted", id)
        return await view(request, asset)

    @routes.post(
        "/v1/assets/{id}/process",
        status_code=202,
        openapi_extra={"requestBody": _PROCESS},
        responses=problems(400, 403, 404, 410, 413, 422),
    )
    async def process_asset(request: Request, id: Id) -> AssetOut:
        """Start another run, perhaps with another recipe; only missing products are made."""
        principal = allowed(request.scope, Scope.PROCESS)
        recipe = _asked(await read_json(request.receive), services.recipes)
        asset = await services.manage.process_again(_known(id), recipe, project=principal.project)
        await noted(request.scope, services, "asset.processed", id, run=asset.run)
        return await view(request, asset)

    @routes.post("/v1/assets/{id}/restore", responses=problems(403, 404, 409, 410))
    async def restore_asset(request: Request, id: Id) -> RestoreOut:
        """Bring products that are missing back from the archive."""
        principal = allowed(request.scope, Scope.PROCESS)
        asset, restored = await services.manage.restore(_known(id), project=principal.project)
        await noted(request.scope, services, "asset.restored", id, files=restored)
        return RestoreOut(asset=await view(request, asset), restored=restored)

    return routes


_EVENTS: dict[str, Any] = {
    "schema": {"type": "string", "description": "Events named `asset`; data: an AssetOut."},
    "example": 'event: asset\nid: 3\ndata: {"id": "...", "state": "processing"}\n\n',
}
_PROCESS: dict[str, Any] = {
    "required": False,
    "content": {"application/json": {"schema": ProcessIn.model_json_schema()}},
}


async def _events(asset: Asset, services: Services, live: Live, base: str) -> AsyncIterator[str]:
    async with aclosing(live.changes(asset, quiet_s=HEARTBEAT_S)) as changes:
        async for news in changes:
            if news is None:
                yield ": still here\n\n"
                continue
            view = await asset_view(news, services.deliver, base)
            yield f"event: asset\nid: {news.version}\ndata: {view.model_dump_json()}\n\n"


def _known(id: str) -> str:
    if not is_id(id):
        raise NotFound(f"there is no asset {id[:64]!r}")
    return id


def _asked(body: dict[str, Any], recipes: RecipeBook) -> Recipe | None:
    """The recipe of a `process` body: the body itself, or its `recipe`; None for the one before."""
    if not body:
        return None
    if "steps" in body:
        return recipes.resolve(body)
    unknown = sorted(set(body) - {"recipe"})
    if unknown:
        raise InvalidRequest(
            f"unknown member {unknown[0][:80]!r}",
            field=unknown[0][:80],
            allowed=["recipe", "steps"],
        )
    spec = body["recipe"]
    if not isinstance(spec, str | dict | None):
        raise InvalidRequest("recipe is a preset's name or a recipe", field="recipe")
    return recipes.resolve(spec)
