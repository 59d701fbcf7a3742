"""The door every request comes through: who may enter, and which application answers."""

import logging

from starlette.types import ASGIApp, Receive, Scope, Send

from mediakiln.model.access import OWNER
from mediakiln.web.access import PRINCIPAL
from mediakiln.web.auth import Auth
from mediakiln.web.delivery.downloads import Downloads
from mediakiln.web.errors import problem_of
from mediakiln.web.exchange import Exchange
from mediakiln.web.live import Live

log = logging.getLogger(__name__)

_OWN = frozenset({"/healthz", "/readyz", "/metrics", "/signin", "/docs", "/openapi.json"})


class Front:
    """The whole web application. Everything under /v1 needs a key; see `Auth`."""

    def __init__(
        self,
        *,
        api: ASGIApp,
        downloads: Downloads | None,
        portal: ASGIApp | None,
        auth: Auth,
        live: Live,
        delivery_public: bool,
    ) -> None:
        self._api = api
        self._downloads = downloads
        self._portal = portal
        self._auth = auth
        self.live = live
        self._delivery_public = delivery_public

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI 3)."""
        if scope["type"] != "http":
            await self._api(scope, receive, send)
            return
        exchange = Exchange(scope, receive, send)
        try:
            await self._route(scope, exchange)
        except Exception as error:  # noqa: BLE001 - the last place where an error becomes an answer
            await self._fail(error, scope, exchange)
        finally:
            exchange.log()

    def drain(self) -> None:
        """End what would go on for ever (live views), so that the server can stop."""
        self.live.close()

    async def _route(self, scope: Scope, exchange: Exchange) -> None:
        path = scope["path"]
        found = self._downloads.match(path) if self._downloads is not None else None
        if self._downloads is not None and found is not None:
            if not self._delivery_public:
                self._auth.check(scope)
            await self._downloads(found, scope, exchange.receive, exchange.send)
            return
        ours = path.startswith("/v1/") or path in _OWN
        if path.startswith("/v1/"):
            self._auth.check(scope)
            scope[PRINCIPAL] = OWNER
        app = self._api if ours or self._portal is None else self._portal
        await app(scope, exchange.receive, exchange.send)

    async def _fail(self, error: Exception, scope: Scope, exchange: Exchange) -> None:
        answer = problem_of(error)
        if answer.status_code == 500:  # noqa: PLR2004 - internal server error
            log.error("%s %s failed", scope["method"], scope["path"][:300], exc_info=error)
        if not exchange.started:
            await answer(scope, exchange.receive, exchange.send)
        # Else the server sees an answer that is not complete, and closes the connection.
