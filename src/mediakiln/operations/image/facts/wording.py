"""Texts in EXIF and IPTC, whose writers seldom say how they are coded."""

from typing import Any, Final

MAX_TEXT: Final = 4_000
"""Characters of one value that are told."""

_UNICODE: Final = b"UNICODE\0"
_JIS: Final = b"JIS\0\0\0\0\0"
_PLAIN: Final = (b"ASCII\0\0\0", bytes(8))
_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")
_BLANK: Final = "\n\t"


def text(data: bytes, order: str | None) -> str | None:
    """What the bytes say, after EXIF's mark of the character set (Exif 3.0, table 9) if any.

    Without one that is UTF-8, or else Latin-1. `order` is that of the file's numbers, `<` or `>`.
    None where it is no text.
    """
    if data.startswith(_UNICODE):
        return plain(_unicode(data.removeprefix(_UNICODE), order))
    if data.startswith(_JIS):
        return plain(data.removeprefix(_JIS).decode("iso2022_jp", "replace"))
    for mark in _PLAIN:
        data = data.removeprefix(mark)
    try:
        return plain(data.decode())
    except UnicodeDecodeError:
        return plain(data.decode("latin-1"))


def again(said: str) -> str | None:
    """As `text`, of what Pillow has taken for Latin-1."""
    try:
        return text(said.encode("latin-1"), None)
    except UnicodeEncodeError:
        return plain(said)


def plain(said: str) -> str | None:
    """Without what ends or pads it; None where nothing is left, or where it is no text."""
    said = said.replace("\0", "").replace("\r\n", "\n").replace("\r", "\n").strip()
    if not said or not all(each.isprintable() or each in _BLANK for each in said):
        return None
    return said[:MAX_TEXT]


def wide(value: Any) -> Any:
    """The text of Windows' fields, UTF-16 in the order of its machines; other values as they are.

    Pillow gives their bytes, or their numbers.
    """
    data = bytes(value) if isinstance(value, tuple) else value
    return data.decode("utf-16-le", "replace") if isinstance(data, bytes) else value


def _unicode(data: bytes, order: str | None) -> str:
    """UTF-16, whose order many cameras take for another than that of their numbers."""
    if data.startswith(_MARKS):
        return data.decode("utf-16", "replace")
    first, second = (sum(byte == 0 for byte in data[at::2]) for at in (0, 1))
    large = first > second if first != second else order == ">"
    return data.decode("utf-16-be" if large else "utf-16-le", "replace")
