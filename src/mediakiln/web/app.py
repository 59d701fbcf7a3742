"""The HTTP interface, put together."""

from importlib.metadata import version

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from mediakiln.model.errors import MediakilnError
from mediakiln.web.api import assets, dead, docs, health, installed, openapi, signin
from mediakiln.web.auth import Auth
from mediakiln.web.delivery.downloads import Downloads
from mediakiln.web.errors import answer
from mediakiln.web.front import Front
from mediakiln.web.live import Live
from mediakiln.web.portal.app import create_portal
from mediakiln.web.services import Services
from mediakiln.web.upload import routes as upload


def create_app(services: Services) -> Front:
    """The web application: the interface for programs, and the portal for people at `/`."""
    auth = Auth(services.owner_key, public_url=services.public_url)
    live = Live(services.catalog)
    return Front(
        api=_api(services, auth, live),
        downloads=Downloads(services.deliver, public=services.delivery_public),
        portal=create_portal(services, auth, live),
        auth=auth,
        live=live,
        delivery_public=services.delivery_public,
    )


def _api(services: Services, auth: Auth, live: Live) -> FastAPI:
    app = FastAPI(
        title="mediakiln",
        version=version("mediakiln"),
        docs_url=None,  # the framework's own pages fetch their programs from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"auto_configure": False},  # nothing here reads the environment
    )
    for routes in (
        upload.router(services),
        assets.reading(services, live),
        assets.following(services, live),
        assets.acting(services),
        installed.router(services),
        dead.router(services),
        health.router(services, auth),
        signin.router(services, auth),
        docs.router(app),
    ):
        app.include_router(routes)
    for kind in (MediakilnError, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, answer)
    app.openapi = lambda: openapi.document(app)  # type: ignore[method-assign] # its documented hook
    return app
