"""Request bodies: as a stream that notices a client that is gone or asleep, or small and whole."""

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any, Final

from starlette.types import Receive as AsgiReceive

from mediakiln.model.errors import IncompleteUpload, InvalidRequest, TooLarge

MAX_JSON_BYTES: Final = 64 * 1024
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


async def read_json(receive: AsgiReceive) -> dict[str, Any]:
    """A small JSON object; an empty body is an empty one.

    Raises:
        TooLarge: the body is larger than `MAX_JSON_BYTES`.
        InvalidRequest: it is not a JSON object.
    """
    body = bytearray()
    async for chunk in stream_body(receive):
        body += chunk
        if len(body) > MAX_JSON_BYTES:
            raise TooLarge(f"the body is larger than {MAX_JSON_BYTES} bytes", limit=MAX_JSON_BYTES)
    if not body.strip():
        return {}
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"the body is not valid JSON: {error}") from None
    if not isinstance(value, dict):
        raise InvalidRequest("the body must be a JSON object")
    return value
