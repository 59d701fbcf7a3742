"""`/v1/events`: what happens to a project's assets, as server-sent events."""

from collections.abc import AsyncGenerator, AsyncIterator, Collection
from contextlib import aclosing
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Query, Request
from starlette.responses import StreamingResponse

from mediakiln.model.access import Scope
from mediakiln.model.errors import InvalidRequest
from mediakiln.model.ids import is_id
from mediakiln.model.kind import AssetState, Kind
from mediakiln.web.access import allowed
from mediakiln.web.api.openapi import problems
from mediakiln.web.events.feed import Feeds
from mediakiln.web.events.told import Told, Wanted, deadline, moment_of

MAX_ASSETS: Final = 100
HEARTBEAT_S: Final = 15.0
MAX_STREAM_S: Final = 3600.0
"""After that a client comes again by itself, and so shows its key again."""

States = Annotated[list[AssetState] | None, Query(description="Of these states.")]
Kinds = Annotated[list[Kind] | None, Query(description="Of these kinds.")]
Assets = Annotated[list[str] | None, Query(description=f"Of these assets, at most {MAX_ASSETS}.")]
LastEvent = Annotated[str | None, Header(description="The last event that was heard.")]

_ANSWER: dict[str, Any] = {
    "schema": {"type": "string", "description": "Events named `asset`."},
    "example": (
        "event: asset\nid: 1767605400000000-01936f5e-7a3b-7c44-9d5e-3f1b2a6c8d90\n"
        'data: {"id":"01936f5e-7a3b-7c44-9d5e-3f1b2a6c8d90","state":"ready","run":1}\n\n'
    ),
}


def router(feeds: Feeds) -> APIRouter:
    """The route."""
    routes = APIRouter(tags=["assets"])

    @routes.get(
        "/v1/events",
        response_class=StreamingResponse,
        responses=problems(400, 403, 422, 503) | {200: {"content": {"text/event-stream": _ANSWER}}},
    )
    async def watch_project(
        request: Request,
        state: States = None,
        kind: Kinds = None,
        asset: Assets = None,
        last_event_id: LastEvent = None,
    ) -> StreamingResponse:
        """Server-sent events: an `asset` whenever one of the project's is in another state.

        States are told and no history: a state that lasted shorter than a second may be left
        out, and who comes back hears of what changed meanwhile as it is then, perhaps twice.
        """
        principal = allowed(request.scope, Scope.READ)
        wanted = Wanted(frozenset(state or ()), frozenset(kind or ()), _named(asset or ()))
        since = moment_of(last_event_id or "")
        events = feeds.listen(principal.project, wanted, since=since, quiet_s=HEARTBEAT_S)
        return StreamingResponse(
            _lines(events),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    return routes


def _named(assets: Collection[str]) -> frozenset[str]:
    if len(assets) > MAX_ASSETS or not all(is_id(id) for id in assets):
        raise InvalidRequest(
            f"asset names at most {MAX_ASSETS} assets by their ids",
            field="asset",
            limit=MAX_ASSETS,
            value=len(assets),
        )
    return frozenset(assets)


async def _lines(events: AsyncGenerator[Told | None, None]) -> AsyncIterator[str]:
    over = deadline(MAX_STREAM_S)
    async with aclosing(events):
        async for told in events:
            if told is None:
                yield ": listening\n\n"
            else:
                yield f"event: asset\nid: {told.id}\ndata: {told.data}\n\n"
            if over():
                return
