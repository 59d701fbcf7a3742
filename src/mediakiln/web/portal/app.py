"""The portal as an application: its routes, its door, and errors as pages."""

import json
from collections.abc import Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from mediakiln.model.errors import MediakilnError, Unauthorised
from mediakiln.web.access import PRINCIPAL
from mediakiln.web.auth import Auth
from mediakiln.web.errors import problem_of
from mediakiln.web.live import Live
from mediakiln.web.portal.acting import Acting
from mediakiln.web.portal.feed import Feed
from mediakiln.web.portal.pages import Pages
from mediakiln.web.portal.reading import Reading
from mediakiln.web.portal.static_files import StaticFiles
from mediakiln.web.services import Services

_OPEN = ("/static/", "/session")
_DEFAULT_MESSAGE = "Something went wrong."


def create_portal(services: Services, auth: Auth, live: Live) -> ASGIApp:
    """The pages for people, over the same services as the interface for programs."""
    static = StaticFiles()
    pages = Pages(static, signed=services.owner_key is not None)
    reading, acting = Reading(services, pages), Acting(services, pages, auth)
    routes = [
        Route("/", reading.home),
        Route("/assets", acting.upload, methods=["POST"]),
        Route("/assets", reading.one_slash),
        Route("/assets/events", Feed(services, live).__call__),
        Route("/assets/{id}", reading.detail),
        Route("/assets/{id}/panel", reading.panel),
        Route("/assets/{id}/row", reading.row),
        Route("/assets/{id}/sheet", reading.sheet),
        Route("/assets/{id}/process", acting.process, methods=["POST"]),
        Route("/assets/{id}/delete", acting.delete, methods=["POST"]),
        Route("/recipes/check", acting.check_recipe, methods=["POST"]),
        Route("/session", acting.sign_in, methods=["POST"]),
        Route("/signout", acting.sign_out, methods=["POST"]),
        Route("/static/{digest}/{name:path}", static.__call__),
    ]
    errors = Errors(pages)
    app = Starlette(
        routes=routes,
        exception_handlers=dict.fromkeys((MediakilnError, HTTPException, Exception), errors.answer),
    )
    return Door(app, auth, errors)


class Door:
    """Lets in who is signed in; shows everybody else the way."""

    def __init__(self, app: ASGIApp, auth: Auth, errors: "Errors") -> None:
        self._app = app
        self._auth = auth
        self._errors = errors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI 3)."""
        app = self._app
        if not scope["path"].startswith(_OPEN):
            try:
                scope[PRINCIPAL] = await self._auth.identify(scope)
            except MediakilnError as error:
                app = await self._errors.answer(Request(scope), error)
        await app(scope, receive, send)


class Errors:
    """Errors as pages for people, and as problem documents for programs."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    async def answer(self, request: Request, error: Exception) -> Response:
        """The answer to a request that ended in `error`."""
        told = problem_of(error)
        if "text/html" not in request.headers.get("accept", ""):
            return told
        if isinstance(error, Unauthorised):
            return self._pages.answer("signin.html", status=401, headers=_kept(told), wrong=False)
        document: Mapping[str, Any] = json.loads(bytes(told.body))
        return self._pages.answer(
            "error.html", status=told.status_code, headers=_kept(told), problem=document
        )


def _kept(answer: Response) -> dict[str, str]:
    names = ("www-authenticate", "retry-after", "allow")
    return {name: answer.headers[name] for name in names if name in answer.headers}
