"""How a file is announced, so that no browser runs what an uploader sent."""

import unicodedata
from typing import Final
from urllib.parse import quote

from mediakiln.model.deliverable import Deliverable

_INLINE_FAMILIES: Final = ("image/", "video/", "audio/")
_INLINE: Final = frozenset({"application/pdf", "application/json", "text/plain", "text/vtt"})
_ACTIVE: Final = frozenset({"image/svg+xml"})
_SANDBOX: Final = (
    "default-src 'none'; img-src 'self' data:; media-src 'self' data:; "
    "style-src 'unsafe-inline'; sandbox"
)
# A sandbox turns the browsers' own PDF viewers off, and these run nothing in our origin.
_NO_SANDBOX: Final = frozenset({"application/pdf"})


def announce(
    item: Deliverable, *, public: bool, download: bool, pinned: bool
) -> list[tuple[bytes, bytes]]:
    """Every header but those of length and range.

    `pinned` says that the address names this very content, so that it never needs to be asked
    for again; without it a new run may put other bytes there, and caches ask each time (a 304
    costs no read).
    """
    lifetime = "max-age=31536000, immutable" if pinned else "no-cache"
    pairs = {
        "content-type": item.media_type,
        "etag": f'"{item.etag}"',
        "accept-ranges": "bytes",
        "cache-control": f"{'public' if public else 'private'}, {lifetime}",
        "content-disposition": disposition(
            item.filename, inline=shows_inline(item.media_type) and not download
        ),
        "x-content-type-options": "nosniff",
        "cross-origin-resource-policy": "cross-origin" if public else "same-origin",
    }
    if item.media_type not in _NO_SANDBOX:
        pairs["content-security-policy"] = _SANDBOX
    return [(name.encode(), value.encode("latin-1", "replace")) for name, value in pairs.items()]


def shows_inline(media_type: str) -> bool:
    """Whether a browser may show the content: only types that hold no program."""
    if media_type in _ACTIVE:
        return False
    return media_type in _INLINE or media_type.startswith(_INLINE_FAMILIES)


def disposition(filename: str, *, inline: bool) -> str:
    """Content-Disposition (RFC 6266): plain ASCII for old clients, then the real name."""
    kind = "inline" if inline else "attachment"
    name = "".join(
        char for char in filename if unicodedata.category(char) not in {"Cc", "Cf", "Cs"}
    )
    decomposed = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    fallback = "".join("_" if char in '"\\/%;' else char for char in decomposed)
    if not fallback or (fallback.startswith(".") and not name.startswith(".")):
        fallback = f"file{fallback}"  # of its name, nothing is left but the extension
    value = f'{kind}; filename="{fallback}"'
    if fallback != name:
        value += f"; filename*=UTF-8''{quote(name, safe='')}"
    return value
