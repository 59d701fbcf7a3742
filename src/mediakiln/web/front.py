"""The door every request comes through: who may enter, and which application answers."""

import asyncio
import logging
from functools import partial
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mediakiln.model import access
from mediakiln.model.access import Principal
from mediakiln.model.errors import Overloaded
from mediakiln.web import cors
from mediakiln.web.access import PRINCIPAL, REQUEST, allowed
from mediakiln.web.auth import Auth
from mediakiln.web.delivery.downloads import Downloads
from mediakiln.web.derive.doors import ImageDoors
from mediakiln.web.errors import problem_of
from mediakiln.web.exchange import Exchange
from mediakiln.web.guard.guard import Guard
from mediakiln.web.live import Live
from mediakiln.web.refusals import Refusals
from mediakiln.web.s3.routes import ROOT as S3_ROOT
from mediakiln.web.services import Services
from mediakiln.web.tus import protocol as tus
from mediakiln.web.upload import notifications

log = logging.getLogger(__name__)

_OWN = frozenset({"/healthz", "/readyz", "/metrics", "/signin", "/docs", "/openapi.json"})
_OPENING: Final = frozenset({"/v1/uploads", "/v1/uploads/direct", "/v1/tus", "/v1/tus/"})
"""A POST here begins one upload. `/v1/assets` takes several files, and counts them itself."""
_STOPPING_S: Final = 5
"""In which another server, or this one started again, will answer."""


class Front:
    """The whole web application. Everything under /v1 needs a key; see `Auth`."""

    def __init__(
        self,
        *,
        api: ASGIApp,
        downloads: Downloads | None,
        images: ImageDoors | None,
        portal: ASGIApp | None,
        auth: Auth,
        live: Live,
        delivery_public: bool,
        services: Services,
    ) -> None:
        self._api = api
        self._downloads = downloads
        self._images = images
        self._portal = portal
        self._auth = auth
        self.live = live
        self._delivery_public = delivery_public
        self._services = services
        self._refusals = Refusals(services)
        self._guard = Guard(services)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI 3)."""
        if scope["type"] != "http":
            await self._api(scope, receive, send)
            return
        exchange = Exchange(scope, receive, send)
        scope[REQUEST] = exchange.id
        if tus.is_tus(scope):
            tus.override_method(scope)
            exchange.added += tus.always(scope, self._services.cors_origins)
        elif cors.concerns(scope):
            exchange.added += cors.shared(scope, self._services.cors_origins)
        elif scope["path"] == notifications.PATH:
            exchange.challenge = notifications.CHALLENGE
        try:
            await self._route(scope, exchange)
        except asyncio.CancelledError:
            # The server stops, and its grace is over: nobody else cancels a request.
            if exchange.started:
                raise
            stopping = Overloaded("the server is stopping", retry_after=_STOPPING_S)
            await self._fail(stopping, scope, exchange)
        except Exception as error:  # noqa: BLE001 - the last place where an error becomes an answer
            await self._fail(error, scope, exchange)
        finally:
            exchange.log()
        if exchange.status in {401, 403}:
            await self._refusals.note(scope, exchange.status)

    def drain(self) -> None:
        """End what would go on for ever (live views), so that the server can stop."""
        self.live.close()
        self._services.tus.stop()

    async def _route(self, scope: Scope, exchange: Exchange) -> None:
        path = scope["path"]
        if self._images is not None and self._images.serves(path):
            admit = partial(self._admit, scope, exchange)
            await self._images(scope, exchange.receive, exchange.send, admit=admit)
            return
        found = self._downloads.match(path) if self._downloads is not None else None
        if self._downloads is not None and found is not None:
            if not self._delivery_public:
                await self._admit(scope, exchange)
                allowed(scope, access.Scope.READ)
            await self._downloads(found, scope, exchange.receive, exchange.send)
            return
        if cors.is_preflight(scope):
            await cors.answer_preflight(exchange.send)
            return
        if path.startswith("/v1/") and not self._is_open(scope):
            principal = await self._admit(scope, exchange)
            app = self._api
            if principal.limits is not None and _opens(scope):
                app = partial(self._open, principal)
            await self._guard.run(app, principal, scope, exchange)
            return
        await self._application(path)(scope, exchange.receive, exchange.send)

    async def _admit(self, scope: Scope, exchange: Exchange) -> Principal:
        """Who asks; nothing is read or done yet."""
        principal = await self._auth.identify(scope)
        scope[PRINCIPAL] = principal
        await self._guard.admit(principal, exchange)
        return principal

    async def _open(self, principal: Principal, scope: Scope, receive: Receive, send: Send) -> None:
        """Begin an upload by a token, which counts if it is begun."""
        tokens = self._services.access.tokens
        await tokens.spend(principal)
        settled = False

        async def told(message: Message) -> None:
            nonlocal settled
            if message["type"] == "http.response.start" and not settled:
                settled = True
                if not 200 <= message["status"] < 300:  # noqa: PLR2004 - it succeeded
                    # Before it is told: who tries again at once finds the place free.
                    await tokens.refund(principal)
            await send(message)

        try:
            await self._api(scope, receive, told)
        finally:
            if not settled:
                await tokens.refund(principal)

    def _is_open(self, scope: Scope) -> bool:
        """Whether a request needs no key here: its route asks for what stands in its place."""
        if tus.is_open(scope):
            return True
        return self._services.owner_key is not None and notifications.is_open(scope)

    def _application(self, path: str) -> ASGIApp:
        ours = path.startswith(("/v1/", S3_ROOT)) or path in _OWN
        return self._api if ours or self._portal is None else self._portal

    async def _fail(self, error: Exception, scope: Scope, exchange: Exchange) -> None:
        answer = problem_of(error)
        if answer.status_code == 500:  # noqa: PLR2004 - internal server error
            log.error("%s %s failed", scope["method"], scope["path"][:300], exc_info=error)
        if not exchange.started:
            await answer(scope, exchange.receive, exchange.send)
        # Else the server sees an answer that is not complete, and closes the connection.


def _opens(scope: Scope) -> bool:
    return scope["method"] == "POST" and scope["path"] in _OPENING
