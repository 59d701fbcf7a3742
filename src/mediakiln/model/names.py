"""File names as uploaders give them: kept for people, never used as a path or a key."""

import unicodedata

from mediakiln.model.errors import InvalidName

MAX_NAME_BYTES = 255
_BIDI_CONTROLS = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)


def clean_name(given: str) -> str:
    """The last part of a path, in Unicode NFC.

    Raises:
        InvalidName: empty, too long, or holding `..` parts, control characters or characters
            that change the direction of text, with which a name shows other than it is.
    """
    parts = given.replace("\\", "/").split("/")
    if ".." in parts:
        raise InvalidName("the name must not contain `..`", hint="send the file's own name")
    name = unicodedata.normalize("NFC", parts[-1]).strip()
    if not name or name == ".":
        raise InvalidName("the name is empty", hint="send filename=NAME")
    if any(unicodedata.category(char) in {"Cc", "Cs"} or char in _BIDI_CONTROLS for char in name):
        raise InvalidName("the name holds control or text-direction characters")
    size = len(name.encode())
    if size > MAX_NAME_BYTES:
        raise InvalidName(
            f"the name is {size} bytes long; {MAX_NAME_BYTES} are allowed",
            limit=MAX_NAME_BYTES,
            value=size,
        )
    return name
