"""Whether bytes are text, and in which encoding."""

import codecs
import re
from dataclasses import dataclass

from charset_normalizer import from_bytes

from mediakiln.adapters.detector.probes.window import Window

_CONTROLS = bytes([*range(9), *range(14, 27), 28, 29, 30, 31, 127])
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_BOMS = (  # the longer ones first: UTF-32's begins like UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SLICE = 1024
_LEGACY = [
    "cp1252", "cp1250", "cp1251", "koi8_r", "cp1253", "cp1254", "cp1255", "cp1256",
    "shift_jis", "gb18030", "big5", "euc_jp", "euc_kr",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Text:
    """The decoded head of a text; `encoding` is a Python codec's name."""

    content: str
    encoding: str


def decode(window: Window) -> Text | None:
    """The head as text, or None if it is binary. A character cut off at the end is forgiven."""
    head = window.head
    for bom, encoding in _BOMS:
        if head.startswith(bom):
            return _decoded(window, encoding)
    if b"\0" in head:
        return _utf16_without_bom(window)
    if len(head.translate(None, _CONTROLS)) != len(head):
        return None
    if head.isascii():
        return Text(head.decode("ascii"), "ascii")
    return _decoded(window, "utf-8") or _legacy(head)


def _decoded(window: Window, encoding: str) -> Text | None:
    try:
        content = codecs.getincrementaldecoder(encoding)().decode(window.head, window.complete)
    except UnicodeError:
        return None
    return None if _CONTROL.search(content) else Text(content, encoding)


def _utf16_without_bom(window: Window) -> Text | None:
    """Latin text in UTF-16 has a zero in most characters, always on the same side."""
    sample = window.head[:4096]
    high, low = sample[0::2].count(0), sample[1::2].count(0)
    if low > len(sample) // 5 and not high:
        return _decoded(window, "utf-16-le")
    if high > len(sample) // 5 and not low:
        return _decoded(window, "utf-16-be")
    return None


def _legacy(head: bytes) -> Text | None:
    """An 8-bit or East Asian encoding, guessed around the first byte that is not ASCII."""
    first = len(head) - len(head.lstrip(bytes(range(128))))
    start = max(first - _SLICE // 4, 0)
    best = from_bytes(
        head[start : start + _SLICE], steps=1, chunk_size=512, cp_isolation=_LEGACY
    ).best()
    if best is None:
        return None
    return Text(head.decode(best.encoding, "replace"), best.encoding)
