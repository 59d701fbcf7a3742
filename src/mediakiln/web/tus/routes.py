"""Where the tus door stands among the others."""

from fastapi import APIRouter
from starlette.routing import Route

from mediakiln.web.services import Services
from mediakiln.web.tus.door import TusDoor


def router(services: Services) -> APIRouter:
    """The door's two addresses. They belong to another protocol, which describes them itself."""
    routes, door = APIRouter(), TusDoor(services)
    for path in ("/v1/tus", "/v1/tus/{rest:path}"):
        routes.routes.append(Route(path, door, include_in_schema=False))
    return routes
