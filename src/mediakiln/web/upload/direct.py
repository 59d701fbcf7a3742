"""`/v1/uploads/direct`: files that clients send to the store themselves."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mediakiln.model.access import Scope
from mediakiln.model.errors import InvalidRequest
from mediakiln.model.upload import Offer
from mediakiln.stages.uploads.direct import Opened
from mediakiln.stages.uploads.labels import (
    MAX_TAGS,
    MAX_UPLOADER_CHARS,
    clean_tags,
    clean_uploader,
)
from mediakiln.web.access import allowed, constrained, continued
from mediakiln.web.api.openapi import problems
from mediakiln.web.api.schemas import AssetOut
from mediakiln.web.api.views import asset_view
from mediakiln.web.bodies import read_json
from mediakiln.web.services import Services
from mediakiln.web.upload import notifications
from mediakiln.web.urls import asset_url, base_url


class DirectIn(BaseModel):
    """What is said of a file before it is sent."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=1024, description="The file's name.")
    size: int = Field(ge=1, description="Its bytes, exactly: the signed requests take no others.")
    type: str = Field("", max_length=127, description="Its media type, sent as Content-Type.")
    recipe: str | dict[str, Any] | None = Field(None, description="A preset's name, or a recipe.")
    uploader: str = Field("", max_length=MAX_UPLOADER_CHARS)
    tags: list[str] = Field(default_factory=list, max_length=MAX_TAGS)


class PutOut(BaseModel):
    """A request with the file as its body."""

    url: str
    headers: dict[str, str] = Field(description="Send exactly these.")


class FormOut(BaseModel):
    """A form, for browsers: the fields in their order, then the file as `file`."""

    url: str
    fields: dict[str, str]


class DirectOut(BaseModel):
    """Where a file is to be sent: by `put` or by `form`, once."""

    id: str = Field(description="The upload's id, and that of the asset it becomes.")
    key: str = Field(description="The object's key in the input bucket.")
    put: PutOut
    form: FormOut | None = Field(description="Null where the store takes no forms.")
    expires_at: datetime = Field(description="Until when the store takes the request.")
    complete_url: str = Field(description="POST there once the file is sent.")
    asset_url: str


def router(services: Services) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["uploads"])
    _add_opening(routes, services)
    _add_completing(routes, services)
    routes.include_router(notifications.router(services.news))
    return routes


def _add_opening(routes: APIRouter, services: Services) -> None:
    @routes.post(
        "/v1/uploads/direct",
        status_code=201,
        openapi_extra={"requestBody": _BODY},
        responses=problems(400, 403, 413, 422, 503, 507),
    )
    async def open_direct(request: Request) -> DirectOut:
        """Get signed requests by which the store itself takes one file."""
        principal = allowed(request.scope, Scope.UPLOAD)
        said = _checked(await read_json(request.receive))
        offer = Offer(
            name=said.name,
            uploader=clean_uploader(said.uploader),
            tags=clean_tags(said.tags),
            recipe=services.recipes.resolve(said.recipe),
            declared_type=_media_type(said.type),
            size=said.size,
        )
        offer = constrained(principal, offer, services.recipes)
        opened = await services.direct.open(offer, by=principal.id)
        return _view(opened, base_url(request.scope, services))


def _add_completing(routes: APIRouter, services: Services) -> None:
    @routes.post("/v1/uploads/direct/{id}/complete", responses=problems(403, 404, 410, 503))
    async def complete_direct(
        request: Request,
        response: Response,
        id: Annotated[str, Path(description="The upload's id.")],
    ) -> AssetOut:
        """Make the asset of a file that was sent. Again, it is the same asset.

        Where the store tells of new objects nobody needs to call this. A file that is refused is
        an asset in the state `rejected`.
        """
        principal = await continued(request.scope, services, id)
        asset = await services.direct.complete(principal.project, id)
        base = base_url(request.scope, services)
        response.headers["Location"] = asset_url(base, asset.id)
        return await asset_view(asset, services.deliver, base)


_BODY: dict[str, Any] = {
    "required": True,
    "content": {"application/json": {"schema": DirectIn.model_json_schema()}},
}


def _checked(body: dict[str, Any]) -> DirectIn:
    try:
        return DirectIn.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise InvalidRequest(f"{field}: {first['msg']}", field=field) from None


def _media_type(given: str) -> str | None:
    """The type as a header may carry it."""
    media_type = given.strip()
    if not media_type.isascii() or not media_type.isprintable():
        raise InvalidRequest("type is a media type", field="type")
    return media_type.lower() or None


def _view(opened: Opened, base: str) -> DirectOut:
    id, form = opened.upload.id, opened.form
    return DirectOut(
        id=id,
        key=opened.upload.key,
        put=PutOut(url=opened.put.url, headers=dict(opened.put.headers)),
        form=form and FormOut(url=form.url, fields=dict(form.fields)),
        expires_at=opened.until,
        complete_url=f"{base}/v1/uploads/direct/{id}/complete",
        asset_url=asset_url(base, id),
    )
