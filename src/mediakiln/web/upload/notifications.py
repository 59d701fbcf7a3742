"""`/v1/notifications/objects`: stores tell of new objects in the input bucket."""

from typing import Any, Final

from fastapi import APIRouter, Request

from mediakiln.model.access import Scope
from mediakiln.model.errors import TooLarge
from mediakiln.web.access import allowed
from mediakiln.web.api.openapi import problems
from mediakiln.web.bodies import stream_body
from mediakiln.web.services import TakeNews

MAX_BYTES: Final = 1024 * 1024
"""Of one notification: Event Grid's and Event Hubs' limit, the largest of all."""

_BODY: dict[str, Any] = {
    "required": True,
    "description": "As S3, MinIO, EventBridge, SNS, Event Grid or Pub/Sub send it.",
    "content": {"application/json": {"schema": {}}},
}


def router(take: TakeNews) -> APIRouter:
    """The route."""
    routes = APIRouter(tags=["uploads"])

    @routes.post(
        "/v1/notifications/objects",
        openapi_extra={"requestBody": _BODY},
        responses=problems(400, 403, 413, 503),
    )
    async def objects(request: Request) -> dict[str, Any]:
        """Hear that objects were written to the input bucket.

        Answered once the news is kept: a store that gets no 2xx sends it again. Event Grid's
        validation is answered; an SNS subscription is confirmed if its topic is in the settings.
        """
        allowed(request.scope, Scope.UPLOAD)
        body = bytearray()
        async for chunk in stream_body(request.receive):
            body += chunk
            if len(body) > MAX_BYTES:
                raise TooLarge(f"the body is larger than {MAX_BYTES} bytes", limit=MAX_BYTES)
        return dict(await take(bytes(body)))

    return routes
