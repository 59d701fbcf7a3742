"""`POST /v1/assets`."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response

from mediakiln.model.asset import Asset
from mediakiln.model.errors import InvalidRequest
from mediakiln.web.api.openapi import problems
from mediakiln.web.api.schemas import AssetOut
from mediakiln.web.api.views import asset_view
from mediakiln.web.services import Services
from mediakiln.web.upload.intake import Said, Several, take_in
from mediakiln.web.upload.schemas import RefusedOut, SeveralOut
from mediakiln.web.urls import asset_url, base_url

_TAGS = "Comma-separated; may be given more than once."
_RECIPE = {"type": "string", "description": "A preset's name, or a recipe as JSON."}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    **problems(400, 413, 415, 422, 507),
    201: {
        "description": "The asset. Of a form with several files: what became of each.",
        "headers": {"Location": {"schema": {"type": "string", "format": "uri"}}},
    },
}
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
                    "file": {
                        "type": "string",
                        "format": "binary",
                        "description": "Several parts of this name are several files.",
                    },
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
        responses=_RESPONSES,
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
    ) -> AssetOut | SeveralOut:
        """Send the file as the raw body, or one or several in a form beside their fields."""
        said = Said(
            filename=filename,
            recipe=recipe or x_recipe,
            uploader=uploader,
            tags=",".join(tags) if tags else None,
        )
        base = base_url(request.scope, services)
        return await _shown(await take_in(request, said, services), services, base, response)

    return routes


async def _shown(
    found: Asset | Several, services: Services, base: str, response: Response
) -> AssetOut | SeveralOut:
    if isinstance(found, Several):
        return await _several(found, services, base)
    response.headers["Location"] = asset_url(base, found.id)
    return await asset_view(found, services.deliver, base)


async def _several(found: Several, services: Services, base: str) -> SeveralOut:
    refused = [refusal.describe() for refusal in found.refused]
    if not found.assets:
        raise InvalidRequest("none of the form's files was taken", refused=refused)
    return SeveralOut(
        assets=[await asset_view(asset, services.deliver, base) for asset in found.assets],
        refused=[RefusedOut.model_validate(each) for each in refused],
    )
