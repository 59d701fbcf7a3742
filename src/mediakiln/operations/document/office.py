"""Office Open XML (ECMA-376): DOCX, PPTX and XLSX.

Names are matched without their namespace, so that transitional and strict files read alike.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from mediakiln.model.errors import BadMedia
from mediakiln.operations.document.archive import Archive, attribute, local
from mediakiln.operations.document.extracted import Extracted, bounded, clean, numbered, tidy
from mediakiln.operations.document.limits import ReadLimits
from mediakiln.operations.document.sheets import sheet_texts

# mc:Fallback repeats what mc:Choice said; deleted and moved-away text is no longer there.
_SKIPPED = frozenset({"Fallback", "del", "moveFrom", "delText", "instrText", "pPr", "rPr"})
_BREAKS = {"tab": "\t", "ptab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
_NOTES = ("footnotes", "endnotes")
_SEPARATORS = frozenset({"separator", "continuationSeparator", "continuationNotice"})


def docx(archive: Archive, main: str, limits: ReadLimits) -> Extracted:
    """A text document: headers, body with its tables and text boxes, notes, footers, in order."""
    limits.pages_to_read(1)
    relations = list(archive.relations(main).values())
    parts = [*_of(relations, "header"), main]
    parts += [part for kind in _NOTES for part in _of(relations, kind)]
    parts += _of(relations, "footer")
    texts = (tidy(block_text(archive.xml(part))) for part in parts if part in archive)
    # Every section has its own headers and footers, which mostly say the same.
    text = "\n\n".join(dict.fromkeys(filter(None, bounded(texts))))
    return _described(archive, [text])


def pptx(archive: Archive, main: str, limits: ReadLimits) -> Extracted:
    """A presentation: one page a slide, in the order shown, each with its notes."""
    relations = archive.relations(main)
    order = [
        relations[key][1]
        for item in archive.xml(main).iter()
        if local(item) == "sldId" and (key := _relation(item)) in relations
    ]
    wanted = limits.pages_to_read(len(order))
    return _described(archive, (_slide(archive, part) for part in order[:wanted]), len(order))


def xlsx(archive: Archive, main: str, limits: ReadLimits) -> Extracted:
    """A workbook: one page a sheet, rows as lines, cells parted by tabs."""
    relations = archive.relations(main)
    sheets = [
        (item.get("name", ""), relations[key][1])
        for item in archive.xml(main).iter()
        if local(item) == "sheet" and (key := _relation(item)) in relations
    ]
    wanted = limits.pages_to_read(len(sheets))
    shared = _of(list(relations.values()), "sharedStrings")
    return _described(archive, sheet_texts(archive, sheets[:wanted], shared), len(sheets))


def block_text(root: Any) -> str:
    """The text below an element: paragraphs as lines, table cells parted by tabs."""
    pieces: list[str] = []
    _walk(root, pieces)
    return "".join(pieces)


def _walk(element: Any, pieces: list[str]) -> None:
    """Depth is bounded: libxml2 refuses documents nested deeper than 256."""
    for child in element:
        name = local(child)
        if name in _SKIPPED or attribute(child, "type") in _SEPARATORS:
            continue
        if name == "t":
            pieces.append(child.text or "")
        elif name in _BREAKS:
            pieces.append(_BREAKS[name])
        elif name == "tr":
            cells = [tidy(block_text(cell)) for cell in child if local(cell) in {"tc", "sdt"}]
            pieces.append("\t".join(cell.replace("\n", " ") for cell in cells) + "\n")
        else:
            _walk(child, pieces)
            pieces.append("\n" if name == "p" else "")


def _slide(archive: Archive, part: str) -> str:
    notes = _of(list(archive.relations(part).values()), "notesSlide")
    return "\n".join(block_text(archive.xml(each)) for each in (part, *notes) if each in archive)


def _of(relations: Iterable[tuple[str, str]], kind: str) -> list[str]:
    return [target for name, target in relations if name == kind]


def _relation(element: Any) -> str | None:
    """The r:id attribute; `id` without a namespace is something else."""
    for key, value in element.attrib.items():
        if key.endswith("}id"):
            return str(value)
    return None


def main_part(archive: Archive) -> str:
    """The part that the package's relations call the document.

    Raises:
        BadMedia: there is none.
    """
    for kind, target in archive.relations("").values():
        if kind == "officeDocument":
            return target
    raise BadMedia("the document is damaged: its package names no main part")


def _described(archive: Archive, texts: Iterable[str], pages: int | None = None) -> Extracted:
    about = dict(_properties(archive))
    return Extracted(
        read=numbered(texts),
        pages=pages,
        title=clean(about.get("title")),
        author=clean(about.get("creator")),
    )


def _properties(archive: Archive) -> Iterator[tuple[str, str]]:
    """Dublin Core terms of the package's core properties (ECMA-376 part 2)."""
    for part in _of(archive.relations("").values(), "core-properties"):
        if part in archive:
            for item in archive.xml(part):
                yield local(item), item.text or ""
