"""`POST /v1/assets/{id}/purge`: remove what was derived from an asset on request."""

from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, Field

from mediakiln.model.access import Scope
from mediakiln.model.errors import NotFound, NotSupported
from mediakiln.model.ids import is_id
from mediakiln.web.access import allowed, noted
from mediakiln.web.api.openapi import problems
from mediakiln.web.services import Services


class PurgeOut(BaseModel):
    """What `purge` did."""

    purged: int = Field(description="How many images were removed; they are made anew on request.")


def purging(services: Services) -> APIRouter:
    """The route that purges."""
    routes = APIRouter(tags=["assets"])

    @routes.post("/v1/assets/{id}/purge", responses=problems(400, 403, 404))
    async def purge_asset(
        request: Request, id: Annotated[str, Path(description="The asset's id, a UUID.")]
    ) -> PurgeOut:
        """Remove every image that was derived from the asset on request, in all replicas.

        Caches in front keep theirs: purge these by the surrogate key `asset-{id}`.
        """
        principal = allowed(request.scope, Scope.PROCESS)
        if not is_id(id):
            raise NotFound(f"there is no asset {id[:64]!r}")
        if services.derive is None:
            raise NotSupported("no images are made on request here")
        purged = await services.derive.purge(id, project=principal.project)
        services.deliver.forget(id)
        await noted(request.scope, services, "asset.purged", id, images=purged)
        return PurgeOut(purged=purged)

    return routes
