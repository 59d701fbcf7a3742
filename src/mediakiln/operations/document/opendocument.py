"""OpenDocument text, presentations and spreadsheets (ISO/IEC 26300): the text of content.xml."""

from collections.abc import Iterator
from typing import Any

from mediakiln.model.errors import PasswordRequired
from mediakiln.operations.document.archive import Archive, attribute, local
from mediakiln.operations.document.extracted import Extracted, clean, numbered, tidy
from mediakiln.operations.document.limits import ReadLimits

_SKIPPED = frozenset({"tracked-changes", "sequence-decls", "forms", "annotation"})
_LINES = frozenset({"p", "h"})
_MAX_REPEATED_SPACES = 1_000


def read(archive: Archive, limits: ReadLimits) -> Extracted:
    """Read slides as pages, and texts and spreadsheets as one page.

    Raises:
        PasswordRequired: the package is encrypted.
    """
    if "META-INF/manifest.xml" in archive:
        manifest = archive.xml("META-INF/manifest.xml")
        if any(local(item) == "encryption-data" for item in manifest.iter()):
            raise PasswordRequired("the document is encrypted; encrypted OpenDocument is not read")
    body = next((e for e in archive.xml("content.xml") if local(e) == "body"), None)
    slides = [] if body is None else [e for e in body.iter() if _is_slide(e)]
    count = len(slides) or None
    wanted = limits.pages_to_read(count or 1)
    texts = [_text(e) for e in slides[:wanted]] if slides else [_text(body)]
    about = dict(_meta(archive))
    return Extracted(
        read=numbered(texts),
        pages=count,
        title=clean(about.get("title")),
        author=clean(about.get("creator") or about.get("initial-creator")),
    )


def _is_slide(element: Any) -> bool:
    return local(element) == "page" and local(element.getparent()) == "presentation"


def _text(element: Any) -> str:
    pieces: list[str] = []
    if element is not None:
        _walk(element, pieces)
    return "".join(pieces)


def _walk(element: Any, pieces: list[str]) -> None:
    """Mixed content: an element's own text, its children, and what follows each of them."""
    pieces.append(element.text or "" if _holds_text(element) else "")
    for child in element:
        name = local(child)
        if name == "table-row":
            cells = [tidy(_text(cell)).replace("\n", " ") for cell in child]
            pieces.append("\t".join(cells).rstrip() + "\n")
        elif name == "s":
            count = attribute(child, "c") or "1"
            wide = int(count) if count.isascii() and count.isdigit() else 1
            pieces.append(" " * min(wide, _MAX_REPEATED_SPACES))
        elif name in {"tab", "line-break"}:
            pieces.append("\t" if name == "tab" else "\n")
        elif name and name not in _SKIPPED:
            _walk(child, pieces)
            pieces.append("\n" if name in _LINES else "")
        if _holds_text(element):
            pieces.append(child.tail or "")


def _holds_text(element: Any) -> bool:
    """Only paragraphs and what is inside them; elsewhere white space is layout of the XML."""
    return any(local(e) in _LINES for e in (element, *element.iterancestors()))


def _meta(archive: Archive) -> Iterator[tuple[str, str]]:
    if "meta.xml" in archive:
        for item in archive.xml("meta.xml").iter():
            yield local(item), item.text or ""
