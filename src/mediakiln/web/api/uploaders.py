"""Everything of one uploader: given out as one archive, or erased."""

from collections.abc import AsyncIterator
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import StreamingResponse

from mediakiln.model.access import Scope
from mediakiln.stages.erasure import Erasure
from mediakiln.web.access import allowed, noted
from mediakiln.web.api.openapi import problems
from mediakiln.web.bodies import SmallJson
from mediakiln.web.delivery.export import exported
from mediakiln.web.services import Services
from mediakiln.web.urls import base_url


class ErasureIn(BaseModel):
    """Whose things are to go."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    uploader: str = Field(min_length=1, max_length=200)


def router(services: Services) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["uploaders"], route_class=SmallJson)
    _erasing(routes, services)
    _exporting(routes, services)
    return routes


def _erasing(routes: APIRouter, services: Services) -> None:
    @routes.post("/v1/erasures", status_code=202, responses=problems(400, 403, 413, 422))
    async def erase_uploader(request: Request, wanted: ErasureIn) -> Erasure:
        """Erase every asset of an uploader: hidden within minutes, purged without a grace.

        Uploads in progress and imports end, and what records say of the uploader is taken out.
        Archive copies go when their lock ends, seven days after they were written.
        """
        principal = allowed(request.scope, Scope.ADMIN)
        made = await services.erasures.begin(principal.project, wanted.uploader, by=principal.id)
        await noted(request.scope, services, "uploader.erased", made.id)
        return made

    @routes.get("/v1/erasures/{id}", responses=problems(403, 404))
    async def get_erasure(request: Request, id: str) -> Erasure:
        """How far an erasure is."""
        return await services.erasures.get(allowed(request.scope, Scope.ADMIN).project, id)


def _exporting(routes: APIRouter, services: Services) -> None:
    @routes.get(
        "/v1/uploaders/{uploader:path}/export",
        response_class=StreamingResponse,
        responses=problems(403) | {200: {"content": {"application/x-tar": {}}}},
    )
    async def export_uploader(
        request: Request,
        uploader: Annotated[str, Path(max_length=200, description="As it stands on the assets.")],
        files: bool = True,
    ) -> StreamingResponse:
        """A tar archive, streamed: each asset's record, and its original and products.

        Behind them the records of uploads in progress, imports and watched folders.
        """
        principal = allowed(request.scope, Scope.ADMIN)
        await noted(request.scope, services, "uploader.exported", "", files=files)
        base = base_url(request.scope, services)
        stream: AsyncIterator[bytes] = exported(
            services, principal.project, uploader, base=base, files=files
        )
        name = quote(f"{uploader}.tar", safe="")
        return StreamingResponse(
            stream,
            media_type="application/x-tar",
            headers={"Content-Disposition": f"attachment; filename*=UTF-8''{name}"},
        )
