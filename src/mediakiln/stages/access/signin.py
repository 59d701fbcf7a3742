"""Sign-in: links that work once, and the sessions that come of them."""

from datetime import datetime, timedelta
from typing import Final

from mediakiln.model.clock import Clock, utc_now
from mediakiln.model.errors import VersionConflict
from mediakiln.ports.catalog import Catalog
from mediakiln.stages.access.secret import digest_of, new_secret

LINKS: Final = "signin"
SESSIONS: Final = "sessions"
LINK_LIFE: Final = timedelta(minutes=10)
SESSION_LIFE: Final = timedelta(days=30)


class SignIn:
    """Keeps links and sessions under the digests of their secrets.

    Both name the principal that they stand for, `owner` or `key:<id>`, so that a session ends
    with its key. `stamp` is a word that changes with the owner's key, and ends everything.
    """

    def __init__(self, catalog: Catalog, *, stamp: str, clock: Clock = utc_now) -> None:
        self._links = catalog.records(LINKS)
        self._sessions = catalog.records(SESSIONS)
        self._stamp = stamp
        self._clock = clock

    async def link(self, by: str) -> tuple[str, datetime]:
        """The token of a new sign-in link, and until when it works."""
        token, ends = new_secret(), self._clock() + LINK_LIFE
        await self._links.put(digest_of(token), self._about(by, ends), expires_at=ends)
        return token, ends

    async def consume(self, token: str) -> str | None:
        """Whom a link signs in, the first time; None ever after."""
        key = digest_of(token)
        record = await self._links.get(key)
        if record is None or record.value.get("used") or not self._holds(dict(record.value)):
            return None
        used = {**record.value, "used": True}
        try:
            await self._links.put(key, used, expected=record.version, expires_at=record.expires_at)
        except VersionConflict:
            return None
        return str(record.value["by"])

    async def open(self, by: str) -> str:
        """A new session's secret."""
        secret, ends = new_secret(), self._clock() + SESSION_LIFE
        await self._sessions.put(digest_of(secret), self._about(by, ends), expires_at=ends)
        return secret

    async def session(self, secret: str) -> str | None:
        """Whose session this is, if it is one."""
        record = await self._sessions.get(digest_of(secret))
        if record is None or not self._holds(dict(record.value)):
            return None
        return str(record.value["by"])

    async def close(self, secret: str) -> None:
        """End a session."""
        await self._sessions.delete(digest_of(secret))

    def _about(self, by: str, ends: datetime) -> dict[str, str]:
        return {"by": by, "stamp": self._stamp, "ends": ends.isoformat()}

    def _holds(self, value: dict[str, str]) -> bool:
        ends = datetime.fromisoformat(value["ends"])
        return value["stamp"] == self._stamp and self._clock() < ends
