"""Secrets that are shown once and kept as digests.

A secret here is 256 random bits, so no guess is worth its time however fast the digest is: plain
SHA-256 is right, where a password would need a slow, salted hash.
"""

import hashlib
import hmac
import secrets
from typing import Final

_BYTES: Final = 32


def new_secret() -> str:
    """256 random bits in 43 characters of URL-safe Base64."""
    return secrets.token_urlsafe(_BYTES)


def digest_of(secret: str) -> str:
    """What is kept instead of the secret: its SHA-256, as 64 hexadecimal digits."""
    return hashlib.sha256(secret.encode()).hexdigest()


def same(one: str, other: str) -> bool:
    """Whether two texts are equal, in a time that does not tell where they differ."""
    return hmac.compare_digest(one.encode(), other.encode())
