"""Formats that are zip archives: told apart by the names in the central directory.

Nothing is decompressed, but for the first bytes of a `mimetype` entry whose writer compressed
it. A head without the directory is judged by the local headers in it, without certainty.
"""

import zlib
from dataclasses import dataclass

from mediakiln.adapters.detector.probes import reasons
from mediakiln.adapters.detector.probes.window import Window, found, guessing, le, refuse
from mediakiln.model.kind import Kind
from mediakiln.ports.detector import Detection

_MAX_ENTRIES = 4096
_MAX_DIRECTORY = 512 * 1024
_END_RECORD = 22
_MAX_COMMENT = 0xFFFF
_ZIP64 = 0xFFFFFFFF
_MIMETYPE_BYTES = 128
_DEFLATED = 8

_OFFICE = "application/vnd.openxmlformats-officedocument."
_BY_MIMETYPE = {
    "application/epub+zip",
    "application/vnd.oasis.opendocument.text",
    "application/vnd.oasis.opendocument.text-template",
    "application/vnd.oasis.opendocument.spreadsheet",
    "application/vnd.oasis.opendocument.spreadsheet-template",
    "application/vnd.oasis.opendocument.presentation",
    "application/vnd.oasis.opendocument.presentation-template",
    "application/vnd.oasis.opendocument.graphics",
}


Entries = dict[str, int]
"""Where the local header of each entry stands, by its name."""


@dataclass(frozen=True, slots=True)
class Inside:
    """A format told by an entry whose name begins and ends so."""

    begins: str
    ends: str
    media_type: str
    kind: Kind | None
    refused: str | None = None


_BY_ENTRY = (
    Inside("classes.dex", "", "application/vnd.android.package-archive", None, reasons.PROGRAM),
    Inside("META-INF/MANIFEST.MF", "", "application/java-archive", None, reasons.PROGRAM),
    Inside(
        "xl/vbaProject.bin", "", "application/vnd.ms-excel.sheet.macroEnabled.12", Kind.DOCUMENT
    ),
    Inside(
        "word/vbaProject.bin",
        "",
        "application/vnd.ms-word.document.macroEnabled.12",
        Kind.DOCUMENT,
    ),
    Inside(
        "ppt/vbaProject.bin",
        "",
        "application/vnd.ms-powerpoint.presentation.macroEnabled.12",
        Kind.DOCUMENT,
    ),
    Inside("word/document", ".xml", _OFFICE + "wordprocessingml.document", Kind.DOCUMENT),
    Inside("xl/workbook", ".xml", _OFFICE + "spreadsheetml.sheet", Kind.DOCUMENT),
    Inside(
        "xl/workbook",
        ".bin",
        "application/vnd.ms-excel.sheet.binary.macroEnabled.12",
        Kind.DOCUMENT,
    ),
    Inside("ppt/presentation", ".xml", _OFFICE + "presentationml.presentation", Kind.DOCUMENT),
    Inside("visio/document", ".xml", "application/vnd.ms-visio.drawing", None, reasons.DATA),
    Inside("3D/", ".model", "model/3mf", Kind.MODEL3D),
)


def zipped(window: Window) -> Detection:
    """What the archive is: an office document, a book, a model, a program, or just an archive."""
    local = _local_entries(window)
    if next(iter(local), "").lower().endswith((".usdc", ".usda", ".usd")):
        return found("model/vnd.usdz+zip", Kind.MODEL3D)
    guess = _judge(window, local)
    if guess and guess.media_type in _BY_MIMETYPE:
        return guess
    with guessing(guess or Detection("application/zip", None, certain=False)):
        listed = _listed_entries(window)
        verdict = _judge(window, listed) if listed else guess
    return verdict or refuse("application/zip", reasons.ARCHIVE)


def _judge(window: Window, entries: Entries) -> Detection | None:
    if "mimetype" in entries:
        media_type = _mimetype(window, entries["mimetype"])
        if media_type in _BY_MIMETYPE:
            return found(media_type, Kind.DOCUMENT)
    return _by_names(entries)


def _by_names(entries: Entries) -> Detection | None:
    for rule in _BY_ENTRY:
        for name in entries:
            if name.startswith(rule.begins) and name.endswith(rule.ends):
                return Detection(rule.media_type, rule.kind, refused=rule.refused)
    return None


def _local_entries(window: Window) -> Entries:
    """The entries whose local headers stand in the head."""
    entries: Entries = {}
    at = 0
    for _ in range(_MAX_ENTRIES):
        header = window.peek(at, 30)
        if len(header) < 30 or header[:4] != b"PK\x03\x04":
            break
        length, extra = le(header[26:28]), le(header[28:30])
        entries[window.peek(at + 30, length).decode("utf-8", "replace")] = at
        packed = le(header[18:22])
        if packed or not header[6] & 8:
            at += 30 + length + extra + packed
        else:  # streamed: the size stands behind the data, so look for the next header
            at = window.head.find(b"PK\x03\x04", at + 30 + length + extra)
    return entries


def _mimetype(window: Window, at: int) -> str:
    """The content of the entry with its local header at `at`, as ODF and EPUB have one."""
    header = window.read(at, 30)
    start = at + 30 + le(header[26:28]) + le(header[28:30])
    content = window.read(start, min(le(header[18:22]) or _MIMETYPE_BYTES, _MIMETYPE_BYTES))
    if le(header[8:10]) == _DEFLATED:
        try:
            content = zlib.decompressobj(-15).decompress(content, _MIMETYPE_BYTES)
        except zlib.error:
            return ""
    return content.partition(b"PK")[0].decode("ascii", "replace").strip()


def _listed_entries(window: Window) -> Entries:
    """The entries of the central directory; none where it is missing or damaged."""
    span = _directory_span(window)
    if span is None:
        return {}
    start, size = span
    directory = window.read(start, min(size, _MAX_DIRECTORY))
    entries: Entries = {}
    at = 0
    for _ in range(_MAX_ENTRIES):
        record = directory[at : at + 46]
        if record[:4] != b"PK\x01\x02":
            break
        length, extra, comment = (le(record[i : i + 2]) for i in (28, 30, 32))
        name = directory[at + 46 : at + 46 + length].decode("utf-8", "replace")
        entries[name] = le(record[42:46])
        at += 46 + length + extra + comment
    return entries


def _directory_span(window: Window) -> tuple[int, int] | None:
    """Where the central directory stands and how long it is, by the end record before EOF."""
    size = window.end()
    for reach in (4096, _END_RECORD + _MAX_COMMENT):
        start = max(size - reach, 0)
        tail = window.read(start, reach)
        at = tail.rfind(b"PK\x05\x06")
        if at >= 0:
            return _zip64_span(window, start + at) or (
                # The stored offset is wrong where something was put before the archive.
                start + at - le(tail[at + 12 : at + 16]),
                le(tail[at + 12 : at + 16]),
            )
        if start == 0:
            break
    return None


def _zip64_span(window: Window, end_record: int) -> tuple[int, int] | None:
    locator = window.read(end_record - 20, 20)
    if locator[:4] != b"PK\x06\x07":
        return None
    record = window.read(le(locator[8:16]), 56)
    if record[:4] != b"PK\x06\x06":
        return None
    return le(record[48:56]), le(record[40:48])
