"""API keys as S3 knows credentials: an access key's id, and a secret to sign requests with.

Whoever verifies a signature must know the secret, while of a key only a digest is kept. So the
secret is made of that digest: who holds the key can compute it, and so can the service.
"""

import base64
import hashlib
import hmac
from typing import Final

from mediakiln.model.access import OWNER, Principal
from mediakiln.stages.access.keys import SHAPE, Keys
from mediakiln.stages.access.secret import digest_of

OWNER_ID: Final = "owner"
_PURPOSE: Final = b"mediakiln s3"


class S3Access:
    """Finds the secret of an access key's id, and whose it is."""

    def __init__(self, keys: Keys, owner_key: str | None) -> None:
        self._keys = keys
        self._owner_key = owner_key

    async def secret(self, id: str) -> tuple[str, Principal] | None:
        """The secret that `id` signs with; None if it opens nothing."""
        if id == OWNER_ID:
            if self._owner_key is None:
                return None
            return secret_of(digest_of(self._owner_key)), OWNER
        found = await self._keys.alive(id)
        return None if found is None else (secret_of(found.digest), self._keys.holder(found))


def credentials(key: str) -> tuple[str, str]:
    """The access key's id and the secret of a key's text, the owner's or an API key's."""
    shape = SHAPE.fullmatch(key)
    if shape is None:
        return OWNER_ID, secret_of(digest_of(key))
    return shape[1], secret_of(digest_of(shape[2]))


def secret_of(digest: str) -> str:
    """The secret for signing, of the SHA-256 of a key's secret."""
    made = hmac.digest(bytes.fromhex(digest), _PURPOSE, hashlib.sha256)
    return base64.urlsafe_b64encode(made).rstrip(b"=").decode()
