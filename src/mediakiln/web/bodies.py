"""Request bodies: as a stream that notices a client that is gone or asleep, or small and whole."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any, Final, TypeVar

from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message
from starlette.types import Receive as AsgiReceive

from mediakiln.model.errors import IncompleteUpload, InvalidRequest, TooLarge

Asked = TypeVar("Asked", bound=BaseModel)

MAX_JSON_BYTES: Final = 64 * 1024
_JSON: Final = (b"content-type", b"application/json")
IDLE_S: Final = 60.0
"""How long a client may send nothing in the middle of a body."""


async def stream_body(
    receive: AsgiReceive, *, idle_s: float = IDLE_S
) -> AsyncGenerator[bytes, None]:
    """The body's chunks, none empty.

    Raises:
        IncompleteUpload: the client went away, or sent nothing for `idle_s` seconds.
    """
    more = True
    while more:
        try:
            async with asyncio.timeout(idle_s):
                message = await receive()
        except TimeoutError:
            raise IncompleteUpload(
                f"nothing arrived for {idle_s:g} seconds", limit=idle_s
            ) from None
        if message["type"] == "http.disconnect":
            raise IncompleteUpload("the client went away before the end of its upload")
        more = message.get("more_body", False)
        if chunk := message.get("body", b""):
            yield chunk


async def read_small(receive: AsgiReceive, *, limit: int) -> bytes:
    """A whole body.

    Raises:
        TooLarge: it is larger than `limit` bytes; no more of it is read.
    """
    body = bytearray()
    async for chunk in stream_body(receive):
        body += chunk
        if len(body) > limit:
            raise TooLarge(f"the body is larger than {limit} bytes", limit=limit)
    return bytes(body)


async def read_json(receive: AsgiReceive, *, limit: int = MAX_JSON_BYTES) -> dict[str, Any]:
    """A small JSON object; an empty body is an empty one.

    Raises:
        TooLarge: the body is larger than `limit` bytes.
        InvalidRequest: it is not a JSON object.
    """
    body = await read_small(receive, limit=limit)
    if not body.strip():
        return {}
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"the body is not valid JSON: {error}") from None
    if not isinstance(value, dict):
        raise InvalidRequest("the body must be a JSON object")
    return value


async def read_model(
    receive: AsgiReceive, model: type[Asked], *, limit: int = MAX_JSON_BYTES
) -> Asked:
    """A small JSON object of a known form.

    Raises:
        TooLarge, InvalidRequest: as `read_json`, or a member is not valid.
    """
    body = await read_json(receive, limit=limit)
    try:
        return model.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])[:200]
        raise InvalidRequest(f"{field}: {first['msg']}", field=field) from None


class SmallJson(APIRoute):
    """A route whose body FastAPI reads: a small one, and JSON whatever its type says.

    Raises:
        TooLarge: the body is larger than `MAX_JSON_BYTES`; FastAPI alone would hold any size.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler of one request."""
        handler = super().get_route_handler()

        async def small(request: Request) -> Response:
            if request.method != "POST":
                return await handler(request)
            body = await read_small(request.receive, limit=MAX_JSON_BYTES)

            async def again() -> Message:
                return {"type": "http.request", "body": body, "more_body": False}

            headers = [pair for pair in request.scope["headers"] if pair[0] != b"content-type"]
            scope = {**request.scope, "headers": [*headers, _JSON]}
            return await handler(Request(scope, again))

        return small
