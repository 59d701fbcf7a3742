"""Requests that carry an `Idempotency-Key`: done once, however often they are sent.

By draft-ietf-httpapi-idempotency-key-header-07. The first answer that says success is kept for a
day and given again; after any other, the request may be tried anew. Of requests with one key at
the same time, one is done. A server that dies in the middle leaves a lease, and the next request
takes its place with the same new id, so that what was made already is found and not made twice.
"""

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from typing import Any, Final

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Message, Scope, Send

from mediakiln.model.access import Principal
from mediakiln.model.clock import Clock, utc_now
from mediakiln.model.errors import (
    Conflict,
    IdempotencyKeyReused,
    InvalidRequest,
    MediakilnError,
    VersionConflict,
)
from mediakiln.model.ids import new_id
from mediakiln.ports.catalog import Catalog, Record
from mediakiln.web.guard.answers import Answer, Answers

log = logging.getLogger(__name__)

SPACE: Final = "idempotency"
HEADER: Final = "idempotency-key"
NEW_ID: Final = "mediakiln.new_id"
"""Where the id is left in a request's scope that a new asset must take."""
KEPT: Final = timedelta(days=1)
_SECRET: Final = frozenset({"/v1/keys", "/v1/tokens", "/v1/webhooks", "/v1/signin"})
"""Where an answer holds what is shown once."""
LEASE_S: Final = 20.0
MAX_KEY_CHARS: Final = 255
_OK: Final = range(200, 300)
_SAID: Final = ("upload-length", "upload-defer-length", "upload-metadata", "upload-concat")


def key_of(scope: Scope) -> str | None:
    """The key of a request that makes something; None if it has none.

    Raises:
        InvalidRequest: it is empty, too long, or not printable.
    """
    if scope["method"] != "POST":
        return None
    key = Headers(scope=scope).get(HEADER)
    if key is None:
        return None
    key = key.strip().strip('"')
    if not 1 <= len(key) <= MAX_KEY_CHARS or not key.isprintable():
        raise InvalidRequest(
            f"Idempotency-Key has 1 to {MAX_KEY_CHARS} printable characters",
            field="Idempotency-Key",
            limit=MAX_KEY_CHARS,
            value=len(key),
        )
    return key


class Repeats:
    """Keeps answers by key, project and principal."""

    def __init__(
        self, catalog: Catalog, *, lease_s: float = LEASE_S, clock: Clock = utc_now
    ) -> None:
        self._records = catalog.records(SPACE)
        self._answers = Answers(catalog)
        self._lease = timedelta(seconds=lease_s)
        self._clock = clock

    async def begin(self, scope: Scope, principal: Principal, key: str) -> "Attempt | Response":
        """The right to do the request, or the answer that it had.

        Raises:
            IdempotencyKeyReused: the key came with another request.
            AnswerNotKept: the request was done, and its answer is too large or too secret
                to be kept.
            Conflict: that request is being done right now.
        """
        place = f"{principal.project}/{principal.id}/{hashlib.sha256(key.encode()).hexdigest()}"
        fingerprint = _fingerprint(scope)
        while True:
            found = await self._records.get(place)
            if found is not None and (answer := await self._known(found, fingerprint)) is not None:
                return answer
            id = new_id() if found is None else str(found.value["id"])
            value = {"fingerprint": fingerprint, "id": id, "until": self._until()}
            with suppress(VersionConflict):
                version = await self._put(place, value, None if found is None else found.version)
                return Attempt(self, place, value, version)

    async def _known(self, found: Record, fingerprint: str) -> Response | None:
        """The answer that a record holds; None if its request was left undone."""
        if found.value["fingerprint"] != fingerprint:
            raise IdempotencyKeyReused(hint="use a new key for a new request")
        if "status" in found.value:
            return await self._answers.again(found.value)
        if datetime.fromisoformat(found.value["until"]) > self._clock():
            raise Conflict("a request with this Idempotency-Key is being done", retry_after=1)
        return None

    def _until(self) -> str:
        return (self._clock() + self._lease).isoformat()

    async def _put(self, place: str, value: dict[str, Any], expected: int | None) -> int:
        return await self._records.put(
            place, value, expected=expected, expires_at=self._clock() + KEPT
        )

    async def renew(self, attempt: "Attempt") -> None:
        """Keep others away for a while longer."""
        attempt.value = {**attempt.value, "until": self._until()}
        attempt.version = await self._put(attempt.place, attempt.value, attempt.version)

    async def finish(self, attempt: "Attempt", answer: Answer) -> None:
        """Keep a success; after anything else the request may be tried anew."""
        with suppress(VersionConflict):  # the lease was over, and somebody else did it again
            if answer.status in _OK:
                kept = await self._answers.keep(answer, expires_at=self._clock() + KEPT)
                await self._put(attempt.place, attempt.value | kept, attempt.version)
            else:
                await self._records.delete(attempt.place, expected=attempt.version)

    @property
    def lease_s(self) -> float:
        """How long a request is left alone without a sign of life."""
        return self._lease.total_seconds()


class Attempt:
    """A request that is being done under its key."""

    def __init__(self, repeats: Repeats, place: str, value: dict[str, Any], version: int) -> None:
        self._repeats = repeats
        self.place = place
        self.value = value
        self.version = version

    @asynccontextmanager
    async def watched(self, scope: Scope, send: Send) -> AsyncIterator[Send]:
        """Do the request in this.

        Its answer is kept before its end is sent, so that who has it all can be given it again.
        """
        scope[NEW_ID] = self.value["id"]
        answer = Answer(secret=scope["path"] in _SECRET)
        renewing = asyncio.create_task(self._renew())

        async def kept(message: Message) -> None:
            answer.see(message)
            if answer.ended:
                await self._finish(answer, renewing)
            await send(message)

        try:
            yield kept
        finally:
            if not answer.ended:
                await self._finish(answer, renewing)

    async def _finish(self, answer: Answer, renewing: asyncio.Task[None]) -> None:
        renewing.cancel()
        with suppress(asyncio.CancelledError):
            await renewing
        try:
            await asyncio.shield(self._repeats.finish(self, answer))
        except MediakilnError as error:  # what is done is done, and is told to who asked for it
            log.warning("an answer is not kept: %s", error)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._repeats.lease_s / 3)
            with suppress(MediakilnError):
                await self._repeats.renew(self)


def _fingerprint(scope: Scope) -> str:
    """What must be the same. A body that streams is known by its size alone."""
    headers = Headers(scope=scope)
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    said = (
        scope["path"],
        scope["query_string"].decode("latin-1"),
        kind,
        # The length of a form's boundary is the client's affair of the moment.
        "" if kind.startswith("multipart/") else headers.get("content-length", ""),
        *(headers[name] for name in _SAID if name in headers),
    )
    return hashlib.sha256("\n".join(said).encode()).hexdigest()
