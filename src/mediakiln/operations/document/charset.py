"""Bytes to text: byte order mark, then what is declared, then UTF-8, then what fits best."""

import codecs

from charset_normalizer import from_bytes

from mediakiln.model.errors import BadMedia

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Pages that declare these mean something else (WHATWG Encoding standard, section 4.2).
_MEANT = {
    "iso8859-1": "cp1252",
    "ascii": "cp1252",
    "utf-16": "utf-8",
    "utf-16-le": "utf-8",
    "utf-16-be": "utf-8",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "iso8859-9": "cp1254",
    "tis-620": "cp874",
}
_CANDIDATES = (
    *("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258"),
    *("utf_16_le", "utf_16_be", "cp932", "euc_jp", "gb18030", "big5", "cp949", "koi8_r", "koi8_u"),
    *("cp874", "cp866"),
)
"""What files of unknown encoding are in, in practice; more candidates make worse guesses."""
_SAMPLE_BYTES = 256 * 1024
_MANY, _FEW = 0.4, 0.05
"""Shares of zero bytes that tell UTF-16 from binary data."""
_MAX_CONTROLS = 0.01
"""The share of control characters beyond which something is no text."""


def decode(data: bytes, declared: str | None = None) -> str:
    """Text of bytes in an unknown encoding.

    Raises:
        BadMedia: they are no text in any encoding.
    """
    for mark, name in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(name, "replace")
    text = _declared(data, declared) or _unmarked_utf16(data) or _utf8(data)
    if text is None:
        text = _guessed(data)
    sample = text[:_SAMPLE_BYTES]
    controls = sum(1 for character in sample if character < " " and character not in "\t\n\r\f\x1b")
    if controls > _MAX_CONTROLS * len(sample):
        raise BadMedia("the file is not text")
    return text


def _declared(data: bytes, declared: str | None) -> str | None:
    """Believe a declaration unless it does not fit."""
    if declared is None:
        return None
    try:
        name = codecs.lookup(declared).name
        return data.decode(_MEANT.get(name, name))
    except (LookupError, UnicodeError):
        return None


def _unmarked_utf16(data: bytes) -> str | None:
    """UTF-16 without a mark, by where its zero bytes are: Western text has one in each pair."""
    sample = data[:_SAMPLE_BYTES]
    pairs = max(1, len(sample) // 2)
    first, second = sample[::2].count(0) / pairs, sample[1::2].count(0) / pairs
    if max(first, second) < _MANY or min(first, second) > _FEW:
        return None
    return data.decode("utf-16-be" if first > second else "utf-16-le", "replace")


def _utf8(data: bytes) -> str | None:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _guessed(data: bytes) -> str:
    matches = from_bytes(data[:_SAMPLE_BYTES], cp_isolation=list(_CANDIDATES))
    best = matches.best()
    if best is None:
        raise BadMedia("the file is not text in any known encoding")
    for match in matches:
        # Among equals the most common one: its neighbours differ in a few letters only.
        if match.encoding == "cp1252" and match.chaos <= best.chaos:
            best = match
    return data.decode(best.encoding, "replace")
