"""`POST /v1/tokens`: short-lived leave to upload, for browsers and other strangers."""

from datetime import datetime, timedelta

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from mediakiln.model.access import Scope, UploadLimits
from mediakiln.model.errors import InvalidRequest
from mediakiln.stages.access.tokens import DEFAULT_LIFE, MAX_LIFE
from mediakiln.web.access import allowed, noted
from mediakiln.web.api.openapi import problems
from mediakiln.web.bodies import SmallJson
from mediakiln.web.services import Services

_LIFE = int(DEFAULT_LIFE.total_seconds())
_MOST = int(MAX_LIFE.total_seconds())


class TokenIn(UploadLimits):
    """What a token is to allow."""

    uploader: str | None = Field(
        None, max_length=200, description="Stands on every upload by this token, whatever it says."
    )
    renews: str | None = Field(
        None,
        max_length=8192,
        description="An earlier token, perhaps expired, whose uploads this one goes on with.",
    )
    expires_in: int = Field(_LIFE, ge=1, le=_MOST, description="Seconds; at most a day.")


class TokenOut(BaseModel):
    """A token; it is shown this once."""

    model_config = ConfigDict(frozen=True)

    token: str = Field(description="Send it as `Authorization: Bearer TOKEN` to a way in.")
    expires_at: datetime


def router(services: Services) -> APIRouter:
    """The route."""
    routes = APIRouter(tags=["access"], route_class=SmallJson)

    @routes.post("/v1/tokens", status_code=201, responses=problems(400, 403, 413, 422))
    async def create_token(request: Request, wanted: TokenIn) -> TokenOut:
        """Make a token that uploads within limits, and opens nothing else.

        It belongs to the project of the key that asks, and ends with that key. One that renews
        another goes on with that one's uploads and with the count of its files.
        """
        principal = allowed(request.scope, Scope.UPLOAD)
        if wanted.uploader is not None and not wanted.uploader.isprintable():
            raise InvalidRequest(
                "uploader holds characters that cannot be printed", field="uploader"
            )
        services.recipes.resolve(wanted.recipe)
        given = wanted.model_dump(exclude={"uploader", "renews", "expires_in"})
        token, claims = await services.access.tokens.issue(
            principal,
            limits=UploadLimits(**given),
            life=timedelta(seconds=wanted.expires_in),
            uploader=wanted.uploader,
            renews=wanted.renews,
        )
        limits = {name: value for name, value in given.items() if value}
        await noted(request.scope, services, "token.created", claims.jti, **limits)
        return TokenOut(token=token, expires_at=claims.exp)

    return routes
