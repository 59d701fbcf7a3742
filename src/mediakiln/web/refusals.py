"""Who was turned away, for the audit trail, at a pace that no attacker sets."""

import time
from typing import Any, Final

from starlette.datastructures import Headers
from starlette.types import Scope

from mediakiln.web.access import PRINCIPAL, noted
from mediakiln.web.auth import COOKIE
from mediakiln.web.services import Services

PER_MINUTE: Final = 60
"""Entries that one process writes; how many more there were is said in the next."""
_MINUTE_S: Final = 60.0


class Refusals:
    """Notes requests that were answered 401 or 403.

    Requests that carry nothing are left out: they are programs and people that do not know yet
    that a key is asked for.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._until = 0.0
        self._written = 0
        self._left_out = 0

    async def note(self, scope: Scope, status: int) -> None:
        """Write an entry, unless there were too many."""
        if PRINCIPAL not in scope and not _carries_something(scope):
            return
        now = time.monotonic()
        if now >= self._until:
            self._until, self._written = now + _MINUTE_S, 0
        if self._written >= PER_MINUTE:
            self._left_out += 1
            return
        self._written += 1
        more: dict[str, Any] = {"left_out": self._left_out} if self._left_out else {}
        self._left_out = 0
        subject = f"{scope['method']} {scope['path']}"
        await noted(scope, self._services, "access.refused", subject, status=status, **more)


def _carries_something(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    return (
        "authorization" in headers
        or f"{COOKIE}=" in headers.get("cookie", "")
        or scope["path"] in {"/signin", "/session"}
    )
