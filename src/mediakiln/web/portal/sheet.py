"""A PDF that one of our own pages may show in a frame."""

import re
from typing import Final

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from mediakiln.web.delivery.downloads import Downloads

_FRAMED: Final = {
    b"x-frame-options": b"SAMEORIGIN",
    b"content-security-policy": b"frame-ancestors 'self'",
}


class Sheet(Response):
    """The download that `found` names, with headers that let our own pages frame it.

    Browsers show PDFs in viewers of their own, which run nothing in our origin.
    """

    def __init__(self, downloads: Downloads, found: re.Match[str]) -> None:
        super().__init__()
        self._downloads = downloads
        self._found = found

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request (ASGI 3)."""

        async def framed(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = [pair for pair in message["headers"] if pair[0] not in _FRAMED]
                message = {**message, "headers": [*kept, *_FRAMED.items()]}
            await send(message)

        await self._downloads(self._found, scope, receive, framed)
