"""`POST /v1/assets`."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response

from mediakiln.web.api.openapi import problems
from mediakiln.web.api.schemas import AssetOut
from mediakiln.web.api.views import asset_view
from mediakiln.web.services import Services
from mediakiln.web.upload.intake import Said, take_in
from mediakiln.web.urls import asset_url, base_url

_TAGS = "Comma-separated; may be given more than once."
_RECIPE = {"type": "string", "description": "A preset's name, or a recipe as JSON."}
_BODY: dict[str, Any] = {
    "required": True,
    "description": "The file's bytes, of any Content-Type but multipart/form-data, or a form.",
    "content": {
        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {
                    "recipe": _RECIPE,
                    "uploader": {"type": "string", "maxLength": 200},
                    "tags": {"type": "string", "description": _TAGS},
                    "file": {"type": "string", "format": "binary"},
                },
            },
        },
    },
}


def router(services: Services) -> APIRouter:
    """The upload's route."""
    routes = APIRouter(tags=["assets"])

    @routes.post(
        "/v1/assets",
        status_code=201,
        operation_id="upload_asset",
        summary="Upload a file",
        openapi_extra={"requestBody": _BODY},
        responses=problems(400, 413, 415, 422, 507)
        | {201: {"headers": {"Location": {"schema": {"type": "string", "format": "uri"}}}}},
    )
    async def upload(
        request: Request,
        response: Response,
        filename: Annotated[
            str | None, Query(description="The file's name; needed unless a form gives it.")
        ] = None,
        recipe: Annotated[str | None, Query(description=_RECIPE["description"])] = None,
        uploader: Annotated[str | None, Query(description="Who uploads.")] = None,
        tags: Annotated[list[str] | None, Query(description=_TAGS)] = None,
        x_recipe: Annotated[
            str | None, Header(description="As `recipe`, for one too long for an address.")
        ] = None,
    ) -> AssetOut:
        """Send the file as the raw body, or in a form beside its fields."""
        said = Said(
            filename=filename,
            recipe=recipe or x_recipe,
            uploader=uploader,
            tags=",".join(tags) if tags else None,
        )
        asset = await take_in(request, said, services)
        base = base_url(request.scope, services)
        response.headers["Location"] = asset_url(base, asset.id)
        return await asset_view(asset, services.deliver, base)

    return routes
