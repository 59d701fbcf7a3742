"""What a text is: dangerous scripts and playlists first, then grammars, then plain text."""

import csv
import io
import json
import re
from dataclasses import replace
from itertools import islice

from mediakiln.adapters.detector.probes import reasons
from mediakiln.adapters.detector.probes.markup import markup
from mediakiln.adapters.detector.probes.model3d import text_model
from mediakiln.adapters.detector.probes.text import Text
from mediakiln.adapters.detector.probes.window import Window, found, guessing, likely, refuse
from mediakiln.model.kind import Kind
from mediakiln.ports.detector import Detection

_SAMPLE = 16 * 1024
_TAIL = 4096

_REFUSED = (
    (r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR", "text/plain", reasons.EICAR),
    ("#EXTM3U", "application/vnd.apple.mpegurl", reasons.PLAYLIST),
    ("[playlist]", "audio/x-scpls", reasons.PLAYLIST),
    ("ffconcat version", "text/x-ffconcat", reasons.PLAYLIST),
    ("v=0\no=", "application/sdp", reasons.PLAYLIST),
    ("v=0\r\no=", "application/sdp", reasons.PLAYLIST),
    ("push graphic-context", "image/x-mvg", reasons.DRAWING),
    ("viewbox ", "image/x-mvg", reasons.DRAWING),
    ("#!", "text/x-script", reasons.PROGRAM),
    ("<?php", "text/x-php", reasons.PROGRAM),
    ("<?=", "text/x-php", reasons.PROGRAM),
    ("%!PS", "application/postscript", reasons.POSTSCRIPT),
)
_OPENINGS = (
    ("ISO-10303-21;", found("model/step", Kind.MODEL3D)),
    ("BEGIN:VCARD", found("text/vcard", Kind.DOCUMENT)),
    ("BEGIN:VCALENDAR", found("text/calendar", Kind.DOCUMENT)),
    ("WEBVTT", found("text/vtt", Kind.DOCUMENT)),
)
_SUBRIP = re.compile(r"\d+[ \t]*\r?\n\d\d:\d\d:\d\d,\d{3} --> \d\d:\d\d:\d\d,\d{3}")
_JSON_START = re.compile(
    r"\{\s*(?:\}|\"[^\"\\\n]{0,256}\"\s*:)|\[\s*(?:\]|[\[{\"]|-?\d|true\b|false\b|null\b)"
)
_GLTF_ASSET = re.compile(r"\"asset\"\s*:\s*\{[^{}]{0,4096}?\"version\"\s*:\s*\"\d")
_GLTF_PARTS = ('"accessors"', '"bufferViews"', '"buffers"', '"meshes"', '"nodes"', '"scenes"')
_MAIL_HEADER = re.compile(r"([A-Za-z][A-Za-z0-9-]{0,60}):(?:[ \t]|$)")
_MAIL_NAMES = {
    "from", "to", "subject", "date", "received", "return-path", "message-id", "mime-version",
    "delivered-to", "reply-to", "content-type", "dkim-signature",
}  # fmt: skip
_MARKDOWN = tuple(
    re.compile(pattern, re.MULTILINE)
    for pattern in (
        r"^#{1,6} [^\n#]{1,200}$",
        r"^(?:```|~~~)",
        r"!?\[[^\[\]\n]{1,120}\]\([^()\s]{1,300}\)",
        r"(?:\*\*|__)[^*_\n]{1,120}(?:\*\*|__)",
        r"^\|?[ \t]*:?-{3,}:?[ \t]*\|",
        r"^(?:[-*+]|\d{1,3}\.) \S",
        r"^> \S",
    )
)
_MARKDOWN_HINTS = {".md", ".markdown", ".mdown", ".mkd"}
_TABLE_ROWS = 20
_TABLE_HINTS = {".csv", ".tsv", ".tab"}
_DELIMITERS = {",": "text/csv", ";": "text/csv", "\t": "text/tab-separated-values", "|": "text/csv"}


def judge_text(text: Text, window: Window) -> Detection:
    """The type of a text, with its encoding; certain once its head was seen to the end."""
    start = text.content.lstrip("\ufeff \t\r\n")
    detection = _script(start) or _structured(start, window) or _plain(start, window)
    certain = detection.certain or window.thorough
    metadata = {**detection.metadata, "encoding": text.encoding}
    return replace(detection, certain=certain, metadata=metadata)


def _script(start: str) -> Detection | None:
    for opening, media_type, why in _REFUSED:
        if start.startswith(opening):
            return refuse(media_type, why)
    return None


def _structured(start: str, window: Window) -> Detection | None:
    for opening, detection in _OPENINGS:
        if start.startswith(opening):
            return detection
    if start.startswith("<"):
        return markup(start)
    if start.startswith(("{", "[")):
        return _json(start, window)
    if _SUBRIP.match(start):
        return found("application/x-subrip", Kind.DOCUMENT)
    if _is_mail(start):
        return likely("message/rfc822", Kind.DOCUMENT)
    return text_model(start, window.suffix)


def _plain(start: str, window: Window) -> Detection:
    table = _table(start, window)
    markdown = "text/markdown" if _is_markdown(start, window) else "text/plain"
    return likely(table or markdown, Kind.DOCUMENT)


def _json(start: str, window: Window) -> Detection | None:
    """JSON and glTF. A head that cannot be parsed for being cut off is judged by its start."""
    if not _JSON_START.match(start):
        return None
    if start[0] == "{" and any(part in start for part in _GLTF_PARTS):
        if _GLTF_ASSET.search(start):
            return found("model/gltf+json", Kind.MODEL3D)
        with guessing(likely("application/json", Kind.DOCUMENT)):
            tail = _tail(window)
        if _GLTF_ASSET.search(tail):
            return found("model/gltf+json", Kind.MODEL3D)
    media_type = _json_type(start) if window.complete else "application/json"
    return likely(media_type, Kind.DOCUMENT) if media_type else None


def _json_type(whole: str) -> str | None:
    try:
        json.loads(whole)
    except json.JSONDecodeError as error:
        # One value a line is the common way of keeping records; anything else is broken.
        return "application/x-ndjson" if error.msg == "Extra data" else None
    except (ValueError, RecursionError):  # a number too long to convert, a tree too deep
        return None
    return "application/json"


def _tail(window: Window) -> str:
    """The end of a long glTF, since some exporters write `asset` last."""
    start = max(window.end() - _TAIL, len(window.head))
    return window.read(start, _TAIL).decode("utf-8", "replace")


def _is_mail(start: str) -> bool:
    """Whether the text begins with a block of mail headers, two of them well known."""
    known: set[str] = set()
    for line in start[:_SAMPLE].splitlines()[:200]:
        if not line:
            break
        if line[0] in " \t" and known:
            continue
        match = _MAIL_HEADER.match(line)
        if match is None:
            return False
        known |= {match[1].lower()} & _MAIL_NAMES
    return len(known) >= 2 and bool(known & {"from", "received", "message-id", "return-path"})


def _table(start: str, window: Window) -> str | None:
    """CSV or TSV, if every row has the same number of fields."""
    for delimiter, media_type in _DELIMITERS.items():
        named = window.suffix in _TABLE_HINTS or window.declared == media_type
        rows = _rows(start, delimiter, whole=window.complete)
        # Prose has a space behind its commas; only a name makes that, or one row, a table.
        spaced = start.count(delimiter + " ", 0, _SAMPLE) * 2 > start.count(delimiter, 0, _SAMPLE)
        if named or (len(rows) > 1 and not spaced):
            widths = {len(row) for row in rows}
            if len(widths) == 1 and widths.pop() > 1:
                return media_type
    return None


def _rows(start: str, delimiter: str, *, whole: bool) -> list[list[str]]:
    """The first rows that have anything in them, without one that may have been cut off."""
    sample = start[:_SAMPLE]
    if delimiter not in sample:
        return []
    reader = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter)
    try:
        rows = list(islice(reader, _TABLE_ROWS + 1))
    except csv.Error:
        return []
    if len(rows) > _TABLE_ROWS or not whole or len(start) > _SAMPLE:
        rows = rows[:-1]
    return [row for row in rows if row]


def _is_markdown(start: str, window: Window) -> bool:
    """Two sorts of Markdown's marks, or its name: every text is Markdown to its grammar."""
    if window.suffix in _MARKDOWN_HINTS or window.declared == "text/markdown":
        return True
    sample = start[:_SAMPLE]
    return sum(pattern.search(sample) is not None for pattern in _MARKDOWN) >= 2
