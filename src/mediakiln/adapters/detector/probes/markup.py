"""HTML and XML: the first element decides."""

import re
from dataclasses import dataclass

from mediakiln.adapters.detector.pictures.drawing import pixels
from mediakiln.adapters.detector.pictures.facts import picture
from mediakiln.adapters.detector.probes import reasons
from mediakiln.adapters.detector.probes.window import found, likely, refuse
from mediakiln.model.kind import Kind
from mediakiln.ports.detector import Detection

_MAX_PRELUDE = 64
_SPACE = re.compile(r"[\s\ufeff]*")
_NAME = re.compile(r"<([A-Za-z_][\w.\-]{0,63})(?::([A-Za-z_][\w.\-]{0,63}))?[\s/>]")
_SUBSET_END = re.compile(r"\]\s*>")

_HTML_TAGS = {
    "html", "head", "body", "script", "iframe", "h1", "h2", "div", "font", "table", "a", "style",
    "title", "b", "br", "p", "center", "meta", "link", "img", "span", "ul", "ol", "form", "nav",
    "header", "main", "section", "article",
}  # fmt: skip

_ROOTS = {
    "COLLADA": found("model/vnd.collada+xml", Kind.MODEL3D),
    "X3D": refuse("model/x3d+xml", reasons.MODEL),
    "amf": refuse("application/x-amf", reasons.MODEL),
    "MPD": refuse("application/dash+xml", reasons.PLAYLIST),
    "SmoothStreamingMedia": refuse("application/vnd.ms-sstr+xml", reasons.PLAYLIST),
    "smil": refuse("application/smil+xml", reasons.PLAYLIST),
    "playlist": refuse("application/xspf+xml", reasons.PLAYLIST),
    "asx": refuse("video/x-ms-asf", reasons.PLAYLIST),
    "ASX": refuse("video/x-ms-asf", reasons.PLAYLIST),
}


@dataclass(slots=True)
class _Prelude:
    """What stands before the first element, and where that begins."""

    at: int = 0
    declared: bool = False
    doctype: str = ""


def markup(content: str) -> Detection | None:
    """What a text is whose first character is `<`; None if that begins no markup."""
    prelude = _prelude(content)
    doctype = prelude.doctype.lower()
    match = _NAME.match(content, prelude.at)
    if match is None:
        if doctype.startswith("html"):
            return found("text/html", Kind.DOCUMENT)
        return likely("application/xml", Kind.DOCUMENT) if prelude.declared else None
    name = match[2] or match[1]
    if name == "svg":
        return picture("image/svg+xml", *(pixels(content, match.end() - 1) or (0, 0)))
    if name.lower() == "html" and prelude.declared:
        return found("application/xhtml+xml", Kind.DOCUMENT)
    if doctype.startswith("html") or (not prelude.declared and name.lower() in _HTML_TAGS):
        return found("text/html", Kind.DOCUMENT)
    return _ROOTS.get(name) or found("application/xml", Kind.DOCUMENT)


def _prelude(content: str) -> _Prelude:
    """Step over the declaration, instructions, comments and the document type."""
    seen = _Prelude(_after_space(content, 0))
    for _ in range(_MAX_PRELUDE):
        if content.startswith("<?", seen.at):
            seen.declared |= content.startswith("<?xml", seen.at)
            stop = _after(content, "?>", seen.at)
        elif content.startswith("<!--", seen.at):
            stop = _after(content, "-->", seen.at + 4)
        elif content[seen.at : seen.at + 9].upper() == "<!DOCTYPE":
            stop = _doctype_end(content, seen.at)
            seen.doctype = content[seen.at + 9 : stop].strip()[:64]
        else:
            break
        seen.at = _after_space(content, stop)
    return seen


def _doctype_end(content: str, at: int) -> int:
    stop = _after(content, ">", at)
    if content.find("[", at, stop) < 0:
        return stop
    subset = _SUBSET_END.search(content, at)
    return subset.end() if subset else len(content)


def _after(content: str, needle: str, at: int) -> int:
    """Where `needle` has ended; the end of the content if it is not closed in what was seen."""
    found_at = content.find(needle, at)
    return found_at + len(needle) if found_at >= 0 else len(content)


def _after_space(content: str, at: int) -> int:
    match = _SPACE.match(content, at)
    return match.end() if match else at
