"""What a request says its body hashes to: Content-MD5, Content-Digest, x-checksum-sha256."""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Final

from starlette.datastructures import Headers

from mediakiln.model.errors import InvalidRequest

_LENGTHS: Final = {"md5": 16, "sha256": 32, "sha512": 64}
_MEMBER: Final = re.compile(r"\s*([a-z][a-z0-9_.*-]*)=:([A-Za-z0-9+/=]*):\s*")
_ALGORITHMS: Final = {"sha-256": "sha256", "sha-512": "sha512"}
"""Of RFC 9530's registry those that are not deprecated."""


def digests_of(headers: Headers) -> Mapping[str, bytes]:
    """What the body must hash to, by the names of `hashlib`.

    Sources: RFC 1864 (Content-MD5), RFC 9530 (Content-Digest).

    Raises:
        InvalidRequest: a header cannot be read, or names no algorithm that is known.
    """
    found: dict[str, bytes] = {}
    if (md5 := headers.get("content-md5")) is not None:
        found["md5"] = _decoded("Content-MD5", md5, "md5")
    if (digest := headers.get("content-digest")) is not None:
        found |= _content_digest(digest)
    if (sha256 := headers.get("x-checksum-sha256")) is not None:
        found["sha256"] = _hex_or_base64("x-checksum-sha256", sha256)
    return found


def _content_digest(value: str) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for member in value.split(","):
        match = _MEMBER.fullmatch(member)
        if match is None:
            raise _unreadable("Content-Digest", "sha-256=:BASE64:")
        name = _ALGORITHMS.get(match[1])
        if name is not None:
            found[name] = _decoded("Content-Digest", match[2], name)
    if not found:
        raise InvalidRequest(
            "Content-Digest names no known algorithm",
            field="Content-Digest",
            allowed=sorted(_ALGORITHMS),
        )
    return found


def _hex_or_base64(header: str, value: str) -> bytes:
    value = value.strip()
    if len(value) == 2 * _LENGTHS["sha256"]:
        try:
            return bytes.fromhex(value)
        except ValueError:
            raise _unreadable(header, "64 hexadecimal digits, or base64") from None
    return _decoded(header, value, "sha256")


def _decoded(header: str, value: str, algorithm: str) -> bytes:
    try:
        raw = base64.b64decode(value.strip(), validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != _LENGTHS[algorithm]:
        raise _unreadable(header, f"{_LENGTHS[algorithm]} bytes in base64")
    return raw


def _unreadable(header: str, form: str) -> InvalidRequest:
    return InvalidRequest(f"{header} cannot be read", field=header, hint=f"it is {form}")
