"""One stream of events for all assets a page watches: browsers open few connections per host."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import StreamingResponse

from mediakiln.model.access import Scope
from mediakiln.model.asset import Asset
from mediakiln.model.errors import InvalidRequest
from mediakiln.model.kind import AssetState
from mediakiln.web.access import allowed
from mediakiln.web.live import Live
from mediakiln.web.services import Services

log = logging.getLogger(__name__)

MAX_WATCHED: Final = 100
_HEARTBEAT_S: Final = 15.0
_RETRY_MS: Final = 2000


class Feed:
    """`GET /assets/events?ids=ID,ID`: server-sent events until every run has ended.

    `asset` events tell that something changed ({"id", "state", "settled"}), `gone` ones that
    the asset is no more ({"id"}); the page then asks for what it shows.
    """

    def __init__(self, services: Services, live: Live) -> None:
        self._services = services
        self._live = live

    async def __call__(self, request: Request) -> StreamingResponse:
        """Answer the request.

        Raises:
            InvalidRequest: no ids, or more than `MAX_WATCHED`.
        """
        project = allowed(request.scope, Scope.READ).project
        ids = [id for id in request.query_params.get("ids", "").split(",") if id]
        if not 1 <= len(ids) <= MAX_WATCHED:
            raise InvalidRequest(
                f"ids names 1 to {MAX_WATCHED} assets",
                field="ids",
                limit=MAX_WATCHED,
                value=len(ids),
            )
        found = await self._services.catalog.get_many(ids)
        assets = [asset for asset in found.values() if asset.project == project]
        return StreamingResponse(
            self._events(ids, [asset for asset in assets if _is_there(asset)]),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    async def _events(self, ids: Sequence[str], assets: Sequence[Asset]) -> AsyncIterator[str]:
        yield f"retry: {_RETRY_MS}\n\n"
        for id in sorted(set(ids) - {asset.id for asset in assets}):
            yield _event("gone", {"id": id})
        news: asyncio.Queue[str | None] = asyncio.Queue()
        watches = [asyncio.create_task(self._watch(asset, news)) for asset in assets]
        ended = asyncio.gather(*watches)
        ended.add_done_callback(partial(_end, news))
        try:
            while (event := await _next(news)) is not None:
                yield event
        finally:
            ended.cancel()
            await asyncio.gather(*watches, return_exceptions=True)

    async def _watch(self, asset: Asset, news: asyncio.Queue[str | None]) -> None:
        async with aclosing(self._live.changes(asset, quiet_s=_HEARTBEAT_S)) as changes:
            async for changed in changes:
                if changed is not None:
                    news.put_nowait(_told(changed))


def _end(news: asyncio.Queue[str | None], ended: asyncio.Future[Any]) -> None:
    """Close the stream; the browser opens another where it was not all told."""
    # Asking takes note of it: who leaves the page cancels the watches, which is no fault.
    error = None if ended.cancelled() else ended.exception()
    if isinstance(error, Exception):
        log.warning("a stream of events broke off", exc_info=error)
    news.put_nowait(None)


async def _next(news: asyncio.Queue[str | None]) -> str | None:
    """The next event, or a comment that keeps the connection open; None at the end."""
    try:
        async with asyncio.timeout(_HEARTBEAT_S):
            return await news.get()
    except TimeoutError:
        return ": still here\n\n"


def _told(asset: Asset) -> str:
    if not _is_there(asset):
        return _event("gone", {"id": asset.id})
    told = {"id": asset.id, "state": asset.state, "settled": asset.state.terminal}
    return _event("asset", told)


def _is_there(asset: Asset) -> bool:
    return asset.state is not AssetState.DELETING


def _event(name: str, data: dict[str, object]) -> str:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"
