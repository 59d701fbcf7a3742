"""Upload tokens: short-lived leave to upload, for programs that may know no key.

`mt_<claims>.<signature>`: URL-safe Base64 of a JSON object, and of its HMAC-SHA-256 (RFC 2104)
under a secret that every replica reads from the catalog. There is one algorithm and no header
that names it, so no token can choose a weaker one.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from mediakiln.model.access import Principal, Scope, UploadLimits
from mediakiln.model.clock import Clock, utc_now
from mediakiln.model.errors import Forbidden, InvalidRequest, VersionConflict
from mediakiln.model.ids import new_id
from mediakiln.ports.catalog import Catalog, Record

SPACE: Final = "tokens"
SECRETS: Final = "secrets"
PREFIX: Final = "mt_"
DEFAULT_LIFE: Final = timedelta(hours=1)
MAX_LIFE: Final = timedelta(hours=24)
LEEWAY: Final = timedelta(seconds=60)
"""How far the clocks of two replicas may be apart."""

_SECRET: Final = "upload-tokens"  # noqa: S105 - a record's key
_MAX_TEXT: Final = 8192


class Claims(BaseModel):
    """What a token says, in short names since every request carries it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    jti: str
    sub: str
    """The principal that asked for it; with that key's end the token ends too."""
    prj: str
    iat: datetime
    exp: datetime
    upl: str | None = None
    lim: UploadLimits = UploadLimits()

    @property
    def principal(self) -> Principal:
        """Whoever holds the token."""
        return Principal(
            id=f"token:{self.jti}",
            project=self.prj,
            scopes=frozenset({Scope.UPLOAD}),
            uploader=self.upl,
            limits=self.lim,
        )


class UploadTokens:
    """Issues tokens, verifies them, and counts the files that came by them."""

    def __init__(self, catalog: Catalog, *, clock: Clock = utc_now) -> None:
        self._secrets = catalog.records(SECRETS)
        self._counts = catalog.records(SPACE)
        self._clock = clock
        self._secret: bytes | None = None

    async def issue(
        self,
        by: Principal,
        *,
        limits: UploadLimits,
        life: timedelta = DEFAULT_LIFE,
        uploader: str | None = None,
        renews: str | None = None,
    ) -> tuple[str, Claims]:
        """A token for the project of whoever asks. A bound uploader stays bound.

        With `renews`, the text of an earlier token that may have expired, it has that token's id:
        it goes on with the uploads that the earlier one began, and with the count of its files.

        Raises:
            InvalidRequest: `renews` is no token of ours for this project.
        """
        now = self._clock()
        claims = Claims(
            jti=new_id() if renews is None else await self._renewed(renews, by.project),
            sub=by.id,
            prj=by.project,
            iat=now,
            exp=now + min(life, MAX_LIFE),
            upl=by.uploader if by.uploader is not None else uploader,
            lim=limits,
        )
        body = _encode(claims.model_dump_json(exclude_defaults=True).encode())
        return f"{PREFIX}{body}.{_encode(await self._sign(body))}", claims

    async def verify(self, text: str) -> Claims | None:
        """What a token says; None if it is not ours, or not of this time."""
        claims, now = await self._signed(text), self._clock()
        if claims is None or not claims.iat - LEEWAY <= now < claims.exp + LEEWAY:
            return None
        return claims

    async def _signed(self, text: str) -> Claims | None:
        """What a token of whatever time says; None if it is not ours."""
        body, dot, signature = text.removeprefix(PREFIX).partition(".")
        if not (text.startswith(PREFIX) and dot and len(text) <= _MAX_TEXT and text.isascii()):
            return None
        if not hmac.compare_digest(_encode(await self._sign(body)), signature):
            return None
        try:
            return Claims.model_validate_json(_decode(body))
        except (ValidationError, binascii.Error):
            return None

    async def _renewed(self, text: str, project: str) -> str:
        claims = await self._signed(text)
        if claims is None or claims.prj != project:
            raise InvalidRequest("this is no upload token of the project", field="renews")
        record = await self._counts.get(claims.principal.id)
        if record is not None:
            ends = self._clock() + MAX_LIFE + LEEWAY
            with suppress(VersionConflict):  # a file was counted, which keeps the count as well
                await self._counts.put(
                    record.key, record.value, expected=record.version, expires_at=ends
                )
        return claims.jti

    async def spend(self, principal: Principal) -> None:
        """Count one file against a token's `max_count`.

        Raises:
            Forbidden: it was the last one before.
        """
        most = principal.limits.max_count if principal.limits else None
        if most is not None:
            await self._count(principal.id, 1, most)

    async def refund(self, principal: Principal) -> None:
        """Take back a `spend` of which nothing came."""
        most = principal.limits.max_count if principal.limits else None
        if most is not None:
            await self._count(principal.id, -1, most)

    async def _count(self, key: str, step: int, most: int) -> None:
        ends = self._clock() + MAX_LIFE + LEEWAY
        while True:
            record = await self._counts.get(key)
            used = _used(record)
            if step > 0 and used >= most:
                raise Forbidden(
                    f"this upload token was good for {most} files", limit=most, value=used
                )
            try:
                await self._counts.put(
                    key,
                    {"used": max(0, used + step)},
                    expected=None if record is None else record.version,
                    expires_at=ends,
                )
            except VersionConflict:
                continue  # every conflict is somebody's progress, of whom there are `most`
            return

    async def _sign(self, body: str) -> bytes:
        if self._secret is None:
            self._secret = await self._shared_secret()
        return hmac.digest(self._secret, body.encode(), hashlib.sha256)

    async def _shared_secret(self) -> bytes:
        """The secret of this installation; whoever needs it first makes it."""
        if (record := await self._secrets.get(_SECRET)) is None:
            made = {"secret": secrets.token_hex(32), "created_at": datetime.now(UTC).isoformat()}
            try:
                await self._secrets.put(_SECRET, made)
            except VersionConflict:
                return await self._shared_secret()
            return bytes.fromhex(made["secret"])
        return bytes.fromhex(record.value["secret"])


def _used(record: Record | None) -> int:
    return 0 if record is None else int(record.value["used"])


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
