"""The HTTP interface, put together."""

from collections.abc import Iterator
from importlib.metadata import version

from fastapi import APIRouter, Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from mediakiln.model.errors import MediakilnError
from mediakiln.web.api import (
    assets,
    audit,
    dead,
    docs,
    health,
    installed,
    keys,
    openapi,
    projects,
    signin,
    tokens,
    uploaders,
)
from mediakiln.web.auth import Auth
from mediakiln.web.delivery.downloads import Downloads
from mediakiln.web.derive.build import image_doors
from mediakiln.web.derive.doors import ImageDoors
from mediakiln.web.derive.signing import signing
from mediakiln.web.doors import DELIVERY, DOORS
from mediakiln.web.errors import answer
from mediakiln.web.events import routes as events
from mediakiln.web.events import webhooks
from mediakiln.web.events.feed import Feeds
from mediakiln.web.front import Front
from mediakiln.web.guard import parameters
from mediakiln.web.live import Live
from mediakiln.web.portal.app import create_portal
from mediakiln.web.services import Services
from mediakiln.web.upload import imports
from mediakiln.web.urls import base_url


def create_app(services: Services, *, door: str | None = None) -> Front:
    """The web application: the interface for programs, and the portal for people at `/`.

    With `door`, a name of `DOORS`, only that way in or out, and what a balancer asks for.
    """
    auth = Auth(services.access, open_=services.owner_key is None, public_url=services.public_url)
    live = Live(services.catalog)
    public, delivers = services.delivery_public, door in {None, DELIVERY}
    return Front(
        api=_api(services, auth, live, door),
        downloads=Downloads(services.deliver, public=public) if delivers else None,
        images=_images(services) if delivers else None,
        portal=None if door else create_portal(services, auth, live),
        auth=auth,
        live=live,
        delivery_public=public,
        services=services,
    )


def _images(services: Services) -> ImageDoors | None:
    if services.derive is None or services.image_rules is None:
        return None
    return image_doors(
        services.derive,
        services.deliver,
        services.image_rules,
        lambda scope: base_url(scope, services),
    )


def _routers(services: Services, auth: Auth, live: Live, app: FastAPI) -> Iterator[APIRouter]:
    """Every router but those of the service itself, in the order of the document."""
    for way_in in DOORS.values():
        yield way_in(services)
    yield signing(services)
    yield imports.router(services)
    yield assets.reading(services, live)
    yield assets.following(services, live)
    yield assets.acting(services)
    yield events.router(Feeds(services.catalog, ended=live.is_closed))
    yield webhooks.deliveries(services)
    yield webhooks.router(services)
    yield installed.router(services)
    yield dead.router(services)
    yield keys.router(services, auth)
    yield projects.router(services)
    yield uploaders.router(services)
    yield tokens.router(services)
    yield audit.router(services)
    yield signin.router(services)
    yield docs.router(app)


def _api(services: Services, auth: Auth, live: Live, door: str | None) -> FastAPI:
    app = FastAPI(
        title="mediakiln",
        version=version("mediakiln"),
        docs_url=None,  # the framework's own pages fetch their programs from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        dependencies=[Depends(parameters.check)],
        telemetry={"auto_configure": False},  # nothing here reads the environment
    )
    for routes in [DOORS[door](services)] if door else _routers(services, auth, live, app):
        app.include_router(routes)
    app.include_router(health.router(services, auth))
    for kind in (MediakilnError, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, answer)
    app.openapi = lambda: openapi.document(app)  # type: ignore[method-assign] # its documented hook
    return app
