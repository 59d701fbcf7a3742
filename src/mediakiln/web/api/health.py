"""`/healthz`, `/readyz`, `/metrics` and `/signin`."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.responses import RedirectResponse

from mediakiln.model.errors import Unauthorised
from mediakiln.web.api.openapi import problems
from mediakiln.web.api.schemas import Readiness
from mediakiln.web.auth import COOKIE, COOKIE_SECONDS, Auth, from_this_machine, session_cookie
from mediakiln.web.services import Services
from mediakiln.web.urls import base_url


def router(services: Services, auth: Auth) -> APIRouter:
    """The routes that are not part of the versioned interface."""
    routes = APIRouter(tags=["service"])

    @routes.get("/healthz", openapi_extra={"security": []})
    async def healthz() -> dict[str, str]:
        """The process is alive."""
        return {"status": "alive"}

    @routes.get(
        "/readyz",
        openapi_extra={"security": []},
        responses={503: {"model": Readiness, "description": "Some part does not work."}},
    )
    async def readyz(response: Response) -> Readiness:
        """Every part works: uploads will be accepted."""
        checks = dict(await services.ready())
        ready = not any(checks.values())
        if not ready:
            response.status_code = 503
            response.headers["Retry-After"] = "5"
        response.headers["Cache-Control"] = "no-store"
        return Readiness(ready=ready, checks=checks)

    @routes.get("/metrics", response_class=Response, responses=problems(401))
    async def metrics(request: Request) -> Response:
        """Prometheus metrics; without a key only for clients on this machine."""
        if not from_this_machine(request.scope):
            auth.check(request.scope)
        return Response(generate_latest(services.metrics), media_type=CONTENT_TYPE_LATEST)

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
