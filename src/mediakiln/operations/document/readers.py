"""Choose the reader of a document: by content where it has a signature, else by its type."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lxml import etree

from mediakiln.model.errors import BadMedia, PasswordRequired, UnsupportedMedia
from mediakiln.operations.document import epub, html, office, opendocument, pdf, rtf
from mediakiln.operations.document.archive import Archive, open_archive, parse_xml
from mediakiln.operations.document.charset import decode
from mediakiln.operations.document.extracted import Extracted, clean, numbered
from mediakiln.operations.document.limits import ReadLimits, check_size

_PDF_HEADER_WITHIN = 1024
"""Readers accept a PDF's header anywhere in its first kilobyte (ISO 32000-1, annex H)."""
_ZIP = b"PK\x03\x04"
_COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OFFICE = {
    "wordprocessingml": office.docx,
    "presentationml": office.pptx,
    "spreadsheetml": office.xlsx,
    "ms-word": office.docx,
    "ms-powerpoint": office.pptx,
    "ms-excel": office.xlsx,
}
_HTML_TYPES = frozenset({"text/html", "application/xhtml+xml"})
_XML_TYPES = frozenset({"application/xml", "text/xml"})


def read(path: Path, media_type: str, limits: ReadLimits) -> Extracted:
    """Read a document of any known format.

    Raises:
        UnsupportedMedia, BadMedia, PasswordRequired, LimitExceeded: as the reader found.
    """
    with path.open("rb") as file:
        head = file.read(_PDF_HEADER_WITHIN)
    if head.startswith(_ZIP):
        with open_archive(path) as archive:
            return _package(archive, limits)
    if b"%PDF-" in head and not media_type.startswith("text/"):
        return pdf.read(path, limits)
    if head.startswith(_COMPOUND):
        raise _compound(path)
    if media_type == "application/pdf":
        raise BadMedia("the PDF is damaged: it has no header")
    check_size(path.stat().st_size)
    return _text(path.read_bytes(), media_type, limits)


def _package(archive: Archive, limits: ReadLimits) -> Extracted:
    kind = (
        archive.read("mimetype")[:100].decode("ascii", "replace") if "mimetype" in archive else ""
    )
    if kind.startswith("application/epub+zip"):
        return epub.read(archive, limits)
    if kind.startswith("application/vnd.oasis.opendocument."):
        return opendocument.read(archive, limits)
    if "[Content_Types].xml" not in archive:
        raise UnsupportedMedia("the zip file is no document of a known format")
    main = office.main_part(archive)
    declared = {
        item.get("PartName", "").lstrip("/"): item.get("ContentType", "")
        for item in archive.xml("[Content_Types].xml")
    }
    for word, reader in _OFFICE.items():
        if word in declared.get(main, ""):
            return reader(archive, main, limits)
    raise UnsupportedMedia("the office document is neither text, presentation nor workbook")


def _text(data: bytes, media_type: str, limits: ReadLimits) -> Extracted:
    limits.pages_to_read(1)
    if data.startswith(rtf.SIGNATURE):
        return Extracted(numbered([rtf.read(data)]))
    if media_type in _HTML_TYPES:
        page = html.parse(data)
        return Extracted(numbered([page.text]), None, clean(page.title), clean(page.author))
    if media_type in _XML_TYPES:
        lines = (" ".join(piece.split()) for piece in _words(parse_xml(data, "the file")))
        return Extracted(numbered(["\n".join(filter(None, lines))]))
    return Extracted(numbered([decode(data)]))


def _words(root: Any) -> Iterator[str]:
    """The text of elements, in order; that of comments, entities and instructions is none."""
    for event, node in etree.iterwalk(root, events=("start", "end", "comment", "pi")):
        if event != "start":
            yield node.tail or ""
        elif isinstance(node.tag, str):
            yield node.text or ""


def _compound(path: Path) -> UnsupportedMedia | PasswordRequired:
    """Encrypted OOXML hides in the compound file format of older documents ([MS-OFFCRYPTO])."""
    if "EncryptedPackage".encode("utf-16-le") in path.read_bytes()[:1_000_000]:
        return PasswordRequired("the document is encrypted; encrypted office files are not read")
    return UnsupportedMedia("documents of the older binary formats are not read")
