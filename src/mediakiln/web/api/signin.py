"""Sign-in: `/v1/signin` makes a link, `/signin` makes a session of it, once."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import RedirectResponse
from starlette.types import Scope as Asgi

from mediakiln.model.access import Principal, Scope
from mediakiln.model.errors import Unauthorised
from mediakiln.web.access import PRINCIPAL, allowed, noted
from mediakiln.web.api.openapi import problems
from mediakiln.web.auth import COOKIE, COOKIE_SECONDS
from mediakiln.web.services import Services
from mediakiln.web.urls import base_url


class SignInOut(BaseModel):
    """A link to the page that signs in whoever opens it first."""

    model_config = ConfigDict(frozen=True)

    url: str
    expires_at: datetime | None = Field(description="null where no key is asked for.")


def router(services: Services) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["service"])

    @routes.post("/v1/signin", status_code=201, responses=problems(403))
    async def make_signin_link(request: Request) -> SignInOut:
        """Make a link that opens the page with the rights of this key, once, for ten minutes."""
        principal = allowed(request.scope, Scope.READ)
        base = base_url(request.scope, services)
        if services.owner_key is None:
            return SignInOut(url=f"{base}/", expires_at=None)
        token, ends = await services.access.signin.link(principal.id)
        await noted(request.scope, services, "signin.link_made", principal.id)
        return SignInOut(url=f"{base}/signin?token={token}", expires_at=ends)

    @routes.get(
        "/signin",
        status_code=303,
        response_class=RedirectResponse,
        openapi_extra={"security": []},
        responses=problems(401),
    )
    async def signin(request: Request, token: Annotated[str, Query()] = "") -> Response:
        """Exchange a sign-in link's token for a session cookie, and go to the page."""
        if services.owner_key is None:
            return _to_the_page()
        by = await services.access.signin.consume(token)
        principal = None if by is None else await services.access.named(by)
        if principal is None:
            raise Unauthorised(
                "the sign-in link was used before, is older than ten minutes, or is not valid",
                hint="`mediakiln signin` prints a new one",
            )
        return await signed_in(request.scope, services, principal)

    return routes


async def signed_in(request: Asgi, services: Services, principal: Principal) -> Response:
    """The answer that opens a session, and leads to the page."""
    request[PRINCIPAL] = principal
    await noted(request, services, "signin.done", principal.id)
    answer = _to_the_page()
    answer.set_cookie(
        COOKIE,
        await services.access.signin.open(principal.id),
        max_age=COOKIE_SECONDS,
        httponly=True,
        samesite="strict",
        secure=base_url(request, services).startswith("https:"),
    )
    return answer


def _to_the_page() -> Response:
    answer = RedirectResponse("/", status_code=303)
    answer.headers["Cache-Control"] = "no-store"
    return answer
