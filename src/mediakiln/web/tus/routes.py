"""Where the tus door stands among the others."""

from fastapi import APIRouter
from starlette.routing import Route

from mediakiln.web.services import Services
from mediakiln.web.tus.door import TusDoor
from mediakiln.web.tus.protocol import ROOT


def router(services: Services) -> APIRouter:
    """The door's two addresses. `describe` says what they take."""
    routes, door = APIRouter(), TusDoor(services)
    for path in (ROOT, f"{ROOT}/{{rest:path}}"):
        routes.routes.append(Route(path, door, include_in_schema=False))
    return routes
