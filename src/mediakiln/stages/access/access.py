"""Everything about access, over one catalog."""

import hashlib
import hmac
from datetime import timedelta
from typing import Final

from mediakiln.model.access import OWNER, Principal, Quota
from mediakiln.model.clock import Clock, utc_now
from mediakiln.ports.catalog import Catalog
from mediakiln.stages.access.audit import AuditTrail
from mediakiln.stages.access.keys import Keys
from mediakiln.stages.access.projects import Projects
from mediakiln.stages.access.s3 import S3Access
from mediakiln.stages.access.secret import same
from mediakiln.stages.access.signin import SignIn
from mediakiln.stages.access.tokens import PREFIX, UploadTokens
from mediakiln.stages.access.usage import Usage

AUDIT_DAYS: Final = 90
_KEY: Final = "key:"


class Access:
    """Knows who holds what: the owner's key, API keys, upload tokens, sessions."""

    def __init__(
        self,
        catalog: Catalog,
        *,
        owner_key: str | None = None,
        audit_days: float = AUDIT_DAYS,
        quota: Quota | None = None,
        clock: Clock = utc_now,
    ) -> None:
        """Without an owner's key, nobody holds it.

        Raises:
            ValueError: the owner's key is empty, which would let everybody in.
        """
        if owner_key == "":
            raise ValueError("an empty owner key would let everybody in")
        self._owner_key = owner_key
        self.keys = Keys(catalog, quota=quota, clock=clock)
        self.projects = Projects(catalog, clock=clock)
        self.s3 = S3Access(self.keys, owner_key)
        self.usage = Usage(catalog, clock=clock)
        self.tokens = UploadTokens(catalog, clock=clock)
        self.signin = SignIn(catalog, stamp=_stamp(owner_key or ""), clock=clock)
        self.audit = AuditTrail(catalog, kept=timedelta(days=audit_days), clock=clock)

    async def bearer(self, text: str) -> Principal | None:
        """Who holds this key or token; None if it opens nothing."""
        if self._owner_key is not None and same(text, self._owner_key):
            return OWNER
        if not text.startswith(PREFIX):
            return await self.keys.verify(text)
        claims = await self.tokens.verify(text)
        giver = None if claims is None else await self.named(claims.sub)
        if claims is None or giver is None:
            return None
        # Files that come by a token count against the key that gave it.
        paid = {"rate": giver.rate, "quota": giver.quota, "payer": giver.account}
        return claims.principal.model_copy(update=paid)

    async def session(self, secret: str) -> Principal | None:
        """Whose session this is; None if it is none, or its key has ended."""
        by = await self.signin.session(secret) if secret else None
        return None if by is None else await self.named(by)

    async def named(self, id: str) -> Principal | None:
        """The owner or a key's holder, by the principal's id; None where the key has ended."""
        if id == OWNER.id:
            return OWNER
        return await self.keys.principal(id.removeprefix(_KEY)) if id.startswith(_KEY) else None


def _stamp(owner_key: str) -> str:
    """Changes with the owner's key and does not tell it."""
    return hmac.digest(owner_key.encode(), b"mediakiln sessions", hashlib.sha256).hex()[:32]
