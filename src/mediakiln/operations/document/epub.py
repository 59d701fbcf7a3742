"""EPUB 2 and 3: the chapters in reading order (EPUB 3.3, sections 4 and 5)."""

import posixpath
from typing import Any
from urllib.parse import unquote

from mediakiln.model.errors import BadMedia, PasswordRequired
from mediakiln.operations.document import html
from mediakiln.operations.document.archive import Archive, local
from mediakiln.operations.document.extracted import Extracted, clean, numbered
from mediakiln.operations.document.limits import ReadLimits

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_PAGES = frozenset({"application/xhtml+xml", "text/html", "application/x-dtbook+xml"})


def read(archive: Archive, limits: ReadLimits) -> Extracted:
    """Read the spine, one page a chapter.

    Raises:
        BadMedia: there is no package document.
        PasswordRequired: its chapters are encrypted.
    """
    roots = [item for item in archive.xml(_CONTAINER).iter() if local(item) == "rootfile"]
    if not roots:
        raise BadMedia("the book is damaged: its container names no package document")
    main = roots[0].get("full-path", "")
    package = archive.xml(main)
    chapters = [part for part in _spine(package, posixpath.dirname(main)) if part in archive]
    if _encrypted(archive) & set(chapters):
        raise PasswordRequired("the book is encrypted")
    wanted = limits.pages_to_read(len(chapters))
    return Extracted(
        read=numbered(html.parse(archive.read(part)).text for part in chapters[:wanted]),
        pages=len(chapters),
        title=clean(_first(package, "title")),
        author=clean(_first(package, "creator")),
    )


def _spine(package: Any, folder: str) -> list[str]:
    items = {
        item.get("id"): item.get("href", "")
        for item in package.iter()
        if local(item) == "item" and item.get("media-type") in _PAGES
    }
    order = [item.get("idref") for item in package.iter() if local(item) == "itemref"]
    hrefs = [unquote(items[key]) for key in order if key in items]
    return [posixpath.normpath(posixpath.join(folder, href)) for href in hrefs]


def _encrypted(archive: Archive) -> set[str]:
    """Parts under DRM; embedded fonts may be encrypted in a book that is otherwise open."""
    if _ENCRYPTION not in archive:
        return set()
    references = (e for e in archive.xml(_ENCRYPTION).iter() if local(e) == "CipherReference")
    return {unquote(item.get("URI", "")) for item in references}


def _first(package: Any, name: str) -> str | None:
    return next((str(e.text or "") for e in package.iter() if local(e) == name), None)
