"""The parts of one of imgproxy's addresses: signature, options, source, format."""

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from mediakiln.model.errors import InvalidRequest

PREFIX: Final = "/imgproxy/"
UNSIGNED: Final = frozenset({"insecure", "unsafe", "_", "-"})
"""What stands where a signature would be."""
_PLAIN: Final = "plain"
_ENCRYPTED: Final = "enc"
_MAX_OPTIONS: Final = 64
_ONE_SLASH: Final = re.compile(r"([a-z][a-z0-9]*):/(?=[^/])")


@dataclass(frozen=True, slots=True)
class Address:
    """What an address is made of."""

    signature: str
    signed: str
    """What the signature is over: the rest of the path from its slash on, as it was written."""
    options: list[str]
    source: str
    """As it is meant: decoded."""
    extension: str | None


def split(path: str) -> Address:
    """Take a path apart, as it was sent.

    Raises:
        InvalidRequest: it lacks a signature's place or a source, or the source is encrypted or not
            readable.
    """
    signature, slash, rest = path.removeprefix(PREFIX).partition("/")
    signed = repaired(rest)
    parts = signed[1:].split("/", maxsplit=_MAX_OPTIONS + 1)
    options: list[str] = []
    while parts and ":" in unquote(parts[0]) and not parts[0].startswith(_PLAIN):
        options.append(unquote(parts.pop(0)))
    if not slash or not parts or not parts[0] or len(options) > _MAX_OPTIONS:
        raise InvalidRequest(
            "an address is /imgproxy/{signature}/{options}/plain/{source}@{extension}, or with "
            "the source in base64",
            field="address",
        )
    if parts[0] == _ENCRYPTED and len(parts) > 1:
        raise InvalidRequest(
            "sources that are encrypted are not read here",
            field="source",
            hint="write it in base64, or behind plain/",
        )
    if parts[0] == _PLAIN:
        source, extension = _plain("/".join(parts[1:]))
    else:
        source, extension = _encoded("".join(parts).replace("/", ""))
    return Address(signature, signed, options, source, extension)


def repaired(path: str) -> str:
    """A path from the slash after its signature on, as it was before proxies rewrote it.

    Some encode the colons between options, or make one of several slashes. imgproxy undoes the same
    before it looks at the signature.
    """
    whole = f"/{path.removeprefix('/')}"
    options, mark, source = whole.partition(f"/{_PLAIN}/")
    lost = _ONE_SLASH.match(source)
    if lost:
        slashes = "///" if lost[1] == "local" else "//"
        source = f"{lost[1]}:{slashes}{source[lost.end() :]}"
    return f"{options.replace('%3A', ':')}{mark}{source}"


def _plain(text: str) -> tuple[str, str | None]:
    source, mark, extension = text.rpartition("@")
    if not mark:
        source, extension = text, ""
    return unquote(source), extension or None


def _encoded(text: str) -> tuple[str, str | None]:
    code, _, extension = text.partition(".")
    try:
        raw = base64.b64decode(code + "=" * (-len(code) % 4), altchars=b"-_", validate=True)
        source = raw.decode()
    except (binascii.Error, ValueError):
        raise InvalidRequest(
            "the source is not base64 of an address",
            field="source",
            hint="write plain/ before one that is not encoded",
        ) from None
    return source, extension or None
