"""`/signin`: from a link's token to a session of the page."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from starlette.responses import RedirectResponse

from mediakiln.model.errors import Unauthorised
from mediakiln.web.api.openapi import problems
from mediakiln.web.auth import COOKIE, COOKIE_SECONDS, Auth, session_cookie
from mediakiln.web.services import Services
from mediakiln.web.urls import base_url


def router(services: Services, auth: Auth) -> APIRouter:
    """The route."""
    routes = APIRouter(tags=["service"])

    @routes.get(
        "/signin",
        status_code=303,
        response_class=RedirectResponse,
        openapi_extra={"security": []},
        responses=problems(401),
    )
    async def signin(request: Request, token: Annotated[str, Query()] = "") -> Response:
        """Exchange a sign-in link's token for a session cookie, and go to the page."""
        if not auth.opens(token):
            raise Unauthorised("the sign-in link is not valid", hint="ask for a new link")
        answer = RedirectResponse("/", status_code=303)
        answer.headers["Cache-Control"] = "no-store"
        if services.owner_key is not None:
            answer.set_cookie(
                COOKIE,
                session_cookie(services.owner_key),
                max_age=COOKIE_SECONDS,
                httponly=True,
                samesite="strict",
                secure=base_url(request.scope, services).startswith("https:"),
            )
        return answer

    return routes
