"""`/v1/webhooks` and the log of deliveries: whom a project tells of its assets, and how it went."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.responses import Response

from mediakiln.model.access import Scope
from mediakiln.model.errors import InvalidRequest
from mediakiln.stages.notify.hook import EVENTS, Hook
from mediakiln.web.access import allowed, noted
from mediakiln.web.api.openapi import problems
from mediakiln.web.api.schemas import DeliveryPage
from mediakiln.web.bodies import read_json
from mediakiln.web.services import Services

MAX_URL_CHARS = 2000

Id = Annotated[str, Path(description="The webhook's id.")]
AssetId = Annotated[str, Path(description="The asset's id, a UUID.")]


class WebhookIn(BaseModel):
    """A webhook to be added."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(max_length=MAX_URL_CHARS, description="Where to post: https://…")
    events: list[str] = Field(
        default_factory=list,
        max_length=len(EVENTS),
        description=f"What it is told of, of {', '.join(EVENTS)}; empty: all of it.",
    )


class WebhookOut(BaseModel):
    """A webhook of the project."""

    id: str
    url: str
    events: list[str]
    enabled: bool
    disabled: str | None = Field(description="Why it was turned off, if it was.")
    failing_since: datetime | None
    created_at: datetime
    by: str


class NewWebhookOut(WebhookOut):
    """A webhook that was just added."""

    secret: str = Field(description="What its news are signed with; shown now and never again.")


class WebhookList(BaseModel):
    """A project's webhooks, the oldest first."""

    webhooks: list[WebhookOut]


class TestOut(BaseModel):
    """What came of the news that was sent as a test."""

    delivered: bool
    status: int | None = Field(None, description="Of the receiver's answer.")
    seconds: float | None = None
    code: str | None = None
    error: str | None = None
    answer: str | None = Field(None, description="How the receiver's answer begins.")


def router(services: Services) -> APIRouter:
    """The routes about webhooks."""
    routes = APIRouter(tags=["webhooks"])
    _add_changing(routes, services)
    _add_reading(routes, services)
    return routes


def _add_changing(routes: APIRouter, services: Services) -> None:
    hooks = services.deliveries.hooks

    @routes.post(
        "/v1/webhooks",
        status_code=201,
        openapi_extra={"requestBody": _BODY},
        responses=problems(400, 403, 413, 422),
    )
    async def add_webhook(request: Request) -> NewWebhookOut:
        """Tell an address of the project's runs that ended, signed by Standard Webhooks."""
        principal = allowed(request.scope, Scope.ADMIN)
        said = _checked(await read_json(request.receive))
        hook = await hooks.add(principal.project, said.url, said.events, by=principal.id)
        await noted(request.scope, services, "webhook.added", hook.id)
        return NewWebhookOut(**_members(hook), secret=hook.secret)

    @routes.delete("/v1/webhooks/{id}", status_code=204, responses=problems(403, 404))
    async def remove_webhook(request: Request, id: Id) -> Response:
        """Tell it nothing more."""
        principal = allowed(request.scope, Scope.ADMIN)
        await hooks.remove(principal.project, id)
        await noted(request.scope, services, "webhook.removed", id)
        return Response(status_code=204)

    @routes.post("/v1/webhooks/{id}/enable", responses=problems(403, 404))
    async def enable_webhook(request: Request, id: Id) -> WebhookOut:
        """Turn on again what was turned off because it failed."""
        principal = allowed(request.scope, Scope.ADMIN)
        hook = await hooks.enable(principal.project, id)
        await noted(request.scope, services, "webhook.enabled", id)
        return _view(hook)


def _add_reading(routes: APIRouter, services: Services) -> None:
    hooks = services.deliveries.hooks

    @routes.get("/v1/webhooks", responses=problems(403))
    async def list_webhooks(request: Request) -> WebhookList:
        """The project's webhooks."""
        principal = allowed(request.scope, Scope.ADMIN)
        return WebhookList(webhooks=_views(await hooks.list(principal.project)))

    @routes.get("/v1/webhooks/{id}", responses=problems(403, 404))
    async def get_webhook(request: Request, id: Id) -> WebhookOut:
        """One webhook."""
        principal = allowed(request.scope, Scope.ADMIN)
        return _view(await hooks.get(principal.project, id))

    @routes.post("/v1/webhooks/{id}/test", responses=problems(403, 404))
    async def test_webhook(request: Request, id: Id) -> TestOut:
        """Send it news of the type `webhook.test`, once, and say what came of it."""
        principal = allowed(request.scope, Scope.ADMIN)
        return TestOut(**await services.deliveries.test(principal.project, id))


def deliveries(services: Services) -> APIRouter:
    """The routes about the log of deliveries."""
    routes = APIRouter(tags=["webhooks"])

    @routes.get("/v1/assets/{id}/deliveries", responses=problems(403, 404, 410))
    async def list_deliveries(
        request: Request,
        id: AssetId,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        cursor: Annotated[str | None, Query(description="Of the page before.")] = None,
    ) -> DeliveryPage:
        """How others were told of the asset: every attempt, and what was answered."""
        principal = allowed(request.scope, Scope.READ)
        await services.deliver.asset(id, project=principal.project)
        found, following = await services.deliveries.of(id, limit=limit, cursor=cursor)
        return DeliveryPage(deliveries=found, cursor=following)

    @routes.post(
        "/v1/assets/{id}/deliveries/{delivery}/resend",
        responses=problems(403, 404, 409, 410),
    )
    async def resend_delivery(
        request: Request,
        id: AssetId,
        delivery: Annotated[str, Path(description="The delivery's id, of the list.")],
    ) -> dict[str, Any]:
        """Send the same news to the same target once more, now; the delivery as it is then."""
        principal = allowed(request.scope, Scope.PROCESS)
        await services.deliver.asset(id, project=principal.project)
        sent = await services.deliveries.resend(principal.project, id, delivery)
        await noted(request.scope, services, "delivery.resent", id, delivery=delivery)
        return sent

    return routes


_BODY: dict[str, Any] = {
    "required": True,
    "content": {"application/json": {"schema": WebhookIn.model_json_schema()}},
}


def _checked(body: dict[str, Any]) -> WebhookIn:
    try:
        return WebhookIn.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise InvalidRequest(f"{field}: {first['msg']}", field=field) from None


def _members(hook: Hook) -> dict[str, Any]:
    members = hook.model_dump(include=set(WebhookOut.model_fields))
    return members | {"events": list(hook.events)}


def _view(hook: Hook) -> WebhookOut:
    return WebhookOut(**_members(hook))


def _views(found: Sequence[Hook]) -> list[WebhookOut]:
    return [_view(hook) for hook in found]
