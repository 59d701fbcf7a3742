"""API keys: a name, a project, scopes; the secret itself is shown once and kept as a digest."""

import logging
import re
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from mediakiln.model.access import Principal, Quota, Scope
from mediakiln.model.clock import Clock, utc_now
from mediakiln.model.errors import MediakilnError, NotFound, VersionConflict
from mediakiln.ports.catalog import Catalog, Record
from mediakiln.stages.access.pages import filtered
from mediakiln.stages.access.secret import digest_of, new_secret, same

log = logging.getLogger(__name__)

SPACE: Final = "keys"
KEPT: Final = timedelta(days=90)
"""How long a key that no longer opens anything is still listed."""
USED_EVERY: Final = timedelta(minutes=1)
"""How exactly `last_used_at` is kept: more would make a write of every read."""

SHAPE = re.compile(r"mk_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")
_ID = re.compile(r"[0-9a-f]{16}")


class ApiKey(BaseModel):
    """What is known of a key; `digest` is the SHA-256 of its secret."""

    model_config = ConfigDict(frozen=True)

    id: str
    name: str
    project: str
    scopes: tuple[Scope, ...]
    uploader: str | None = None
    rate: str | None = None
    quota: Quota | None = None
    created_at: datetime
    created_by: str
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None
    digest: str

    def alive(self, now: datetime) -> bool:
        """Whether it opens anything."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    @property
    def principal(self) -> Principal:
        """Whoever holds it."""
        return Principal(
            id=f"key:{self.id}",
            project=self.project,
            scopes=frozenset(self.scopes),
            uploader=self.uploader,
            rate=self.rate,
            quota=self.quota,
        )


class Keys:
    """Makes, lists, revokes and verifies keys, `mk_<id>_<secret>`."""

    def __init__(
        self, catalog: Catalog, *, quota: Quota | None = None, clock: Clock = utc_now
    ) -> None:
        """`quota` is that of keys which have none of their own."""
        self._records = catalog.records(SPACE)
        self._quota = quota
        self._clock = clock

    async def create(
        self,
        name: str,
        *,
        project: str,
        scopes: Sequence[Scope],
        by: str,
        uploader: str | None = None,
        rate: str | None = None,
        quota: Quota | None = None,
        expires_at: datetime | None = None,
    ) -> tuple[ApiKey, str]:
        """A new key, and its text, which is nowhere to be had again."""
        secret = new_secret()
        key = ApiKey(
            id=secrets.token_hex(8),
            name=name,
            project=project,
            scopes=tuple(sorted(set(scopes))),
            uploader=uploader,
            rate=rate,
            quota=quota,
            created_at=self._clock(),
            created_by=by,
            expires_at=expires_at,
            digest=digest_of(secret),
        )
        await self._records.put(key.id, _value(key), expires_at=_end(key))
        return key, f"mk_{key.id}_{secret}"

    async def list(
        self, project: str | None, *, limit: int = 50, cursor: str | None = None
    ) -> tuple[Sequence[ApiKey], str | None]:
        """Keys of a project, or of all; a page may hold fewer than `limit`."""
        return await filtered(
            self._records,
            lambda record: _of(record, project),
            limit=limit,
            cursor=cursor,
        )

    async def get(self, id: str, *, project: str | None) -> ApiKey:
        """One key of a project, or of any.

        Raises:
            NotFound: there is none.
        """
        return (await self._read(id, project))[1]

    async def revoke(self, id: str, *, project: str | None) -> ApiKey:
        """End a key. Again is no error.

        Raises:
            NotFound: there is none in the project.
        """
        while True:
            version, key = await self._read(id, project)
            if key.revoked_at is not None:
                return key
            ended = key.model_copy(update={"revoked_at": self._clock()})
            try:
                await self._records.put(id, _value(ended), expected=version, expires_at=_end(ended))
            except VersionConflict:
                continue  # it was marked as used meanwhile
            return ended

    async def verify(self, text: str) -> Principal | None:
        """Who holds the key of this text; None if it opens nothing."""
        shape = SHAPE.fullmatch(text)
        if shape is None:
            return None
        record = await self._records.get(shape[1])
        if record is None:
            return None
        key = ApiKey.model_validate(record.value)
        if not same(digest_of(shape[2]), key.digest) or not key.alive(self._clock()):
            return None
        await self._mark_used(record, key)
        return self.holder(key)

    async def principal(self, id: str) -> Principal | None:
        """Who holds the key of this id; None if it opens nothing any more."""
        key = await self.alive(id)
        return None if key is None else self.holder(key)

    def holder(self, key: ApiKey) -> Principal:
        """Whoever holds a key, with the quota that counts for it."""
        held = key.principal
        return held if held.quota else held.model_copy(update={"quota": self._quota})

    async def alive(self, id: str) -> ApiKey | None:
        """The key of this id; None if it opens nothing any more."""
        record = await self._records.get(id) if _ID.fullmatch(id) else None
        key = None if record is None else ApiKey.model_validate(record.value)
        return key if key is not None and key.alive(self._clock()) else None

    async def _mark_used(self, record: Record, key: ApiKey) -> None:
        now = self._clock()
        if key.last_used_at is not None and now - key.last_used_at < USED_EVERY:
            return
        marked = key.model_copy(update={"last_used_at": now})
        try:
            await self._records.put(
                key.id, _value(marked), expected=record.version, expires_at=record.expires_at
            )
        except VersionConflict:
            return  # somebody else marked it, or it was revoked
        except MediakilnError as error:
            log.warning("the use of a key could not be noted: %s", error, extra={"key": key.id})

    async def _read(self, id: str, project: str | None) -> tuple[int, ApiKey]:
        record = await self._records.get(id) if _ID.fullmatch(id) else None
        key = None if record is None else _of(record, project)
        if record is None or key is None:
            raise NotFound(f"there is no key {id[:64]!r}")
        return record.version, key


def _of(record: Record, project: str | None) -> ApiKey | None:
    key = ApiKey.model_validate(record.value)
    return key if project in {None, key.project} else None


def _value(key: ApiKey) -> dict[str, Any]:
    return key.model_dump(mode="json")


def _end(key: ApiKey) -> datetime | None:
    """When the record itself goes."""
    ends = [each for each in (key.revoked_at, key.expires_at) if each is not None]
    return min(ends) + KEPT if ends else None
