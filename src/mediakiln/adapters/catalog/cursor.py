"""Page cursors: a position in a list, sealed so that what is not ours is noticed."""

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence

from mediakiln.model.errors import InvalidRequest

_DIGEST = 8


def seal(position: Sequence[int | str], scope: Sequence[str | None]) -> str:
    """Write down a position in the list that `scope` names.

    The digest is no secret: it tells a damaged cursor, or another list's, from one of ours. A
    forged one only moves the reader within a list that it may read anyway.
    """
    body = json.dumps(list(position), separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_digest(body, scope) + body).decode().rstrip("=")


def unseal(cursor: str, scope: Sequence[str | None]) -> list[int | str]:
    """The inverse of `seal`, for the same list.

    Raises:
        InvalidRequest: the cursor is damaged, made up, or another list's.
    """
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        raw = b""
    digest, body = raw[:_DIGEST], raw[_DIGEST:]
    if not body or digest != _digest(body, scope):
        raise InvalidRequest(
            "the cursor is not one of this list", hint="start again without a cursor"
        )
    position: list[int | str] = json.loads(body)
    return position


def _digest(body: bytes, scope: Sequence[str | None]) -> bytes:
    text = json.dumps(list(scope), separators=(",", ":")).encode()
    return hashlib.blake2b(text + b"\0" + body, digest_size=_DIGEST).digest()
