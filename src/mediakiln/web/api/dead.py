"""`/v1/dead`: messages nobody could handle."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from mediakiln.model.deadletter import DeadLetter
from mediakiln.web.access import administered, noted
from mediakiln.web.api.openapi import problems
from mediakiln.web.api.schemas import DeadLetterOut, DeadLetterPage
from mediakiln.web.services import Services


def router(services: Services) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["dead letters"])
    missing = problems(403, 404)

    @routes.get("/v1/dead", responses=problems(403, 422))
    async def list_dead(
        request: Request,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        cursor: str | None = None,
    ) -> DeadLetterPage:
        """Dead letters of the key's project, oldest first; the owner sees all."""
        letters, following = await services.dead.list(
            limit=limit, cursor=cursor, project=administered(request.scope)
        )
        return DeadLetterPage(letters=[_view(letter) for letter in letters], cursor=following)

    @routes.get("/v1/dead/{id}", responses=missing)
    async def get_dead(request: Request, id: str) -> DeadLetterOut:
        """One dead letter."""
        return _view(await services.dead.get(id, project=administered(request.scope)))

    @routes.post("/v1/dead/{id}/replay", responses=missing)
    async def replay_dead(request: Request, id: str) -> DeadLetterOut:
        """Send the message to the one group that gave it up, and drop the letter."""
        letter = await services.dead.replay(id, project=administered(request.scope))
        await noted(request.scope, services, "dead.replayed", id, project=letter.project or None)
        return _view(letter)

    @routes.delete("/v1/dead/{id}", responses=missing)
    async def drop_dead(request: Request, id: str) -> DeadLetterOut:
        """Forget the message for good."""
        letter = await services.dead.drop(id, project=administered(request.scope))
        await noted(request.scope, services, "dead.dropped", id, project=letter.project or None)
        return _view(letter)

    return routes


def _view(letter: DeadLetter) -> DeadLetterOut:
    return DeadLetterOut.model_validate(letter.to_json())
