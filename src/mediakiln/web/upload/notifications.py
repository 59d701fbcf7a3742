"""`/v1/notifications/objects`: stores tell of new objects in the input bucket.

Some senders ask first whether they may, with OPTIONS, as "HTTP 1.1 Web Hooks for Event Delivery"
of CloudEvents has it: Azure Event Grid, when it sends CloudEvents.
"""

import re
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from starlette.datastructures import Headers
from starlette.types import Scope as Asgi

from mediakiln.model.access import Scope
from mediakiln.model.errors import InvalidRequest, TooLarge
from mediakiln.web.access import PRINCIPAL, allowed
from mediakiln.web.api.openapi import problems
from mediakiln.web.bodies import stream_body
from mediakiln.web.services import TakeNews

MAX_BYTES: Final = 1024 * 1024
"""Of one notification: Event Grid's and Event Hubs' limit, the largest of all."""

PATH: Final = "/v1/notifications/objects"
CHALLENGE: Final = b'Basic realm="mediakiln"'
"""SNS sends the password that is in its address only where it is asked to in this way."""
_ORIGIN: Final = "webhook-request-origin"
_HOST: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_BODY: dict[str, Any] = {
    "required": True,
    "description": "As S3, MinIO, EventBridge, SNS, Event Grid or Pub/Sub send it.",
    "content": {"application/json": {"schema": {}}},
}


def router(take: TakeNews) -> APIRouter:
    """The route."""
    routes = APIRouter(tags=["uploads"])

    @routes.post(
        PATH,
        openapi_extra={"requestBody": _BODY},
        responses=problems(400, 403, 413, 502, 503),
    )
    async def objects(request: Request) -> dict[str, Any]:
        """Hear that objects were written to the input bucket.

        Answered once the news is kept: a store that gets no 2xx sends it again. Event Grid's
        validation is answered. Signatures of SNS are verified; if a topic is in the settings, its
        subscription is confirmed, and its signed messages need no key.
        """
        known = PRINCIPAL in request.scope
        if known:
            allowed(request.scope, Scope.UPLOAD)
        body = bytearray()
        async for chunk in stream_body(request.receive):
            body += chunk
            if len(body) > MAX_BYTES:
                raise TooLarge(f"the body is larger than {MAX_BYTES} bytes", limit=MAX_BYTES)
        return dict(await take(bytes(body), known=known))

    @routes.options(PATH, include_in_schema=False)
    async def handshake(request: Request) -> Response:
        """Let a sender of CloudEvents begin. Each of its events needs a key all the same."""
        headers, more = request.headers, {"Allow": "OPTIONS, POST"}
        if _ORIGIN in headers:
            if not _HOST.fullmatch(headers[_ORIGIN]):
                raise InvalidRequest("WebHook-Request-Origin is no name of a host")
            more["WebHook-Allowed-Origin"] = headers[_ORIGIN]
            if "webhook-request-rate" in headers:
                more["WebHook-Allowed-Rate"] = "*"
        return Response(headers=more)

    return routes


def is_open(scope: Asgi) -> bool:
    """Whether a request comes in without a key.

    A handshake does, and a message of SNS that brings none: by its signature it is known later.
    """
    if scope["path"] != PATH:
        return False
    headers = Headers(scope=scope)
    if scope["method"] == "OPTIONS":
        return _ORIGIN in headers
    return (
        scope["method"] == "POST"
        and "x-amz-sns-message-type" in headers
        and "authorization" not in headers
        and "cookie" not in headers
    )
