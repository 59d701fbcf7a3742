"""Signatures of addresses: HMAC-SHA256 (RFC 2104), perhaps cut, in base64url without padding."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote, unquote

WHOLE_BYTES: Final = 32
LEAST_BYTES: Final = 8


def mac(key: bytes, message: bytes, *, size: int = WHOLE_BYTES) -> str:
    """The signature of a message: the first `size` bytes of its HMAC, 8 to 32 of them."""
    return encoded(hmac.new(key, message, hashlib.sha256).digest()[:size])


def encoded(digest: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def verified_by(signature: str, message: bytes, keys: Sequence[bytes], *, size: int) -> int | None:
    """Which key made the signature; None if none did. Takes as long whichever it is.

    Signatures of `size` bytes count, and whole ones.
    """
    found: int | None = None
    for number, key in enumerate(keys):
        for length in {size, WHOLE_BYTES}:
            right = mac(key, message, size=length).encode()
            if hmac.compare_digest(right, signature.encode()) and found is None:
                found = number
    return found


def is_signature(text: str) -> bool:
    """Whether a text has the form of a signature: base64url of 8 to 32 bytes."""
    if text.endswith("="):
        return False
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        return False
    return LEAST_BYTES <= len(raw) <= WHOLE_BYTES


NATIVE: Final = "/i/"
"""What native addresses of images begin with."""
MARK: Final = "s_"
"""What the first part of a signed one begins with."""


def sign_native(path: str, key: bytes, *, size: int = WHOLE_BYTES) -> str:
    """A native address with its signature: `/i/w_400/ID` becomes `/i/s_SIGNATURE/w_400/ID`.

    The signature is over the path as it is sent, from `/i/` on, without the signature itself.
    """
    bare, _ = split_native(path)
    return f"{NATIVE}{MARK}{mac(key, bare.encode(), size=size)}/{bare.removeprefix(NATIVE)}"


def expiring(path: str, at: int) -> str:
    """A native address without its signature that is good until `at` (Unix time)."""
    bare, _ = split_native(path)
    return f"{NATIVE}exp_{at}/{bare.removeprefix(NATIVE)}"


def split_native(path: str) -> tuple[str, str | None]:
    """A native address without its signature, and the signature; None where there is none."""
    first, slash, rest = path.removeprefix(NATIVE).partition("/")
    if slash and first.startswith(MARK):
        return f"{NATIVE}{rest}", first.removeprefix(MARK)
    return path, None


IIIF: Final = "/iiif/"
"""What addresses of the IIIF Image API begin with."""


def sign_iiif(id: str, key: bytes, *, size: int = WHOLE_BYTES) -> str:
    """The path of an image service, signed once for all requests: `/iiif/ID~SIGNATURE`.

    `id` is an asset's, or `ASSET/STEP[/FILE]` of a product; the path has its slashes encoded. The
    signature is over `/iiif/ID` as it is without encoding.
    """
    return f"{iiif_service(id)}~{mac(key, f'{IIIF}{id}'.encode(), size=size)}"


def iiif_service(id: str) -> str:
    """The path of an image service, not signed."""
    return f"{IIIF}{quote(id, safe=':')}"


def split_iiif(identifier: str) -> tuple[str, str | None]:
    """The id in an identifier as it was sent, and its signature; None where there is none."""
    id, mark, signature = unquote(identifier).rpartition("~")
    return (id, signature) if mark else (signature, None)
