"""`/healthz`, `/readyz` and `/metrics`."""

from fastapi import APIRouter, Request, Response
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from mediakiln.model.access import Scope
from mediakiln.web.access import PRINCIPAL, allowed
from mediakiln.web.api.openapi import problems
from mediakiln.web.api.schemas import Readiness
from mediakiln.web.auth import Auth, from_this_machine
from mediakiln.web.services import Services


def router(services: Services, auth: Auth) -> APIRouter:
    """The routes for whoever keeps the service running."""
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

    @routes.get("/metrics", response_class=Response, responses=problems(401, 403))
    async def metrics(request: Request) -> Response:
        """Prometheus metrics; without a key only for clients on this machine."""
        if not from_this_machine(request.scope):
            request.scope[PRINCIPAL] = await auth.identify(request.scope)
            allowed(request.scope, Scope.ADMIN)
        return Response(generate_latest(services.metrics), media_type=CONTENT_TYPE_LATEST)

    return routes
