"""Media types as programs spell them, and how they are compared (RFC 6838)."""

from typing import Final

_SAYS_NOTHING: Final = frozenset(
    {"", "application/octet-stream", "application/x-www-form-urlencoded", "binary/octet-stream"}
)
_ALIASES: Final = {
    "image/jpg": "image/jpeg",
    "audio/mp3": "audio/mpeg",
    "audio/wave": "audio/wav",
    "audio/vnd.wave": "audio/wav",
    "text/xml": "application/xml",
    "audio/m4a": "audio/mp4",
    "image/ms-bmp": "image/bmp",
    "audio/mp4a-latm": "audio/mp4",
    "image/icon": "image/vnd.microsoft.icon",
    "application/stl": "model/stl",
    "application/sla": "model/stl",
}


def says_nothing(media_type: str | None) -> bool:
    """Whether this is what programs send when nobody told them the type."""
    return (media_type or "").partition(";")[0].strip().lower() in _SAYS_NOTHING


def plain(media_type: str) -> str:
    """Without parameters, `x-` and old spellings."""
    bare = media_type.partition(";")[0].strip().lower().replace("/x-", "/")
    return _ALIASES.get(bare, bare)
