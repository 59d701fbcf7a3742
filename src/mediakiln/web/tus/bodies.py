"""Request bodies that say when they are silent."""

import asyncio
from collections.abc import AsyncGenerator

from starlette.types import Receive

from mediakiln.model.errors import IncompleteUpload
from mediakiln.web.bodies import IDLE_S


async def ticking_body(
    receive: Receive, pause_s: float, idle_s: float = IDLE_S
) -> AsyncGenerator[bytes | None, None]:
    """The request's bytes; None after every `pause_s` seconds without any.

    Raises:
        IncompleteUpload: the client went away, or sent nothing for `idle_s` seconds.
    """
    more, silent = True, 0.0
    while more:
        try:
            async with asyncio.timeout(pause_s):
                message = await receive()
        except TimeoutError:
            silent += pause_s
            if silent >= idle_s:
                raise IncompleteUpload(
                    f"nothing arrived for {idle_s:g} seconds", limit=idle_s
                ) from None
            yield None
            continue
        silent = 0.0
        if message["type"] == "http.disconnect":
            raise IncompleteUpload("the client went away before the end of its request")
        more = message.get("more_body", False)
        if chunk := message.get("body", b""):
            yield chunk
