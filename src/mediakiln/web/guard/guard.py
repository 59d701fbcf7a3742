"""Everything that may refuse a known principal's request, or answer it in a route's place."""

import re
from typing import Final

from starlette.types import ASGIApp, Scope

from mediakiln.model.access import Principal
from mediakiln.model.errors import RateLimited
from mediakiln.web.exchange import Exchange
from mediakiln.web.guard.repeats import Attempt, Repeats, key_of
from mediakiln.web.services import Services

_TOLD: Final = "told"
_PUTTING: Final = re.compile(r"/v1/(?:assets|uploads|uploads/direct|imports|tus/?)")
"""Addresses where a POST puts files in, or begins to."""


class Guard:
    """Counts requests and files, and sees to it that what is repeated is done once."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._repeats = Repeats(services.catalog)

    async def admit(self, principal: Principal, exchange: Exchange) -> None:
        """Count a request; its answer will say what is left.

        Raises:
            RateLimited: there were too many.
        """
        try:
            exchange.added += await self._services.rates.count(principal)
        except RateLimited as error:
            exchange.added += error.context.pop(_TOLD)
            raise

    async def run(
        self, app: ASGIApp, principal: Principal, scope: Scope, exchange: Exchange
    ) -> None:
        """Let the application answer, or give the answer that it gave before.

        Raises:
            QuotaExceeded: the principal's quota is used up.
            InvalidRequest, IdempotencyKeyReused, AnswerNotKept, Conflict: as `Repeats`.
        """
        key = key_of(scope)
        attempt = None if key is None else await self._repeats.begin(scope, principal, key)
        if attempt is None:
            await self._check(principal, scope)
            await app(scope, exchange.receive, exchange.send)
        elif isinstance(attempt, Attempt):
            async with attempt.watched(scope, exchange.send) as send:
                await self._check(principal, scope)
                await app(scope, exchange.receive, send)
        else:
            await attempt(scope, exchange.receive, exchange.send)

    async def _check(self, principal: Principal, scope: Scope) -> None:
        if scope["method"] == "POST" and _PUTTING.fullmatch(scope["path"]):
            await self._services.access.usage.check(principal)
