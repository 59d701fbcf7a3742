"""The cells of an XLSX workbook as lines of text (ECMA-376 part 1, chapter 18)."""

from collections.abc import Iterable, Iterator
from typing import Any

from mediakiln.operations.document.archive import Archive, local


def sheet_texts(
    archive: Archive, sheets: Iterable[tuple[str, str]], shared: Iterable[str]
) -> Iterator[str]:
    """Each sheet's name and rows; numbers and dates stand as the file stores them."""
    strings = [
        _runs(item)
        for part in shared
        if part in archive
        for item in archive.xml(part)
        if local(item) == "si"
    ]
    for name, part in sheets:
        rows = (
            "\t".join(_value(cell, strings) for cell in row if local(cell) == "c").rstrip()
            for row in archive.xml(part).iter()
            if local(row) == "row"
        )
        yield "\n".join([name, *filter(None, rows)])


def _runs(item: Any) -> str:
    """The text of a string item, without the phonetic hints beside it (rPh)."""
    return "".join(
        run.text or ""
        for run in item.iter()
        if local(run) == "t" and local(run.getparent()) != "rPh"
    )


def _value(cell: Any, strings: list[str]) -> str:
    kind = cell.get("t")
    if kind == "inlineStr":
        return _one_line(_runs(cell))
    stored = next((child.text or "" for child in cell if local(child) == "v"), "")
    if kind == "s":
        index = int(stored) if stored.isascii() and stored.isdigit() else len(strings)
        return _one_line(strings[index]) if index < len(strings) else ""
    if kind == "b":
        return "TRUE" if stored == "1" else "FALSE"
    return _one_line(stored)


def _one_line(text: str) -> str:
    return " ".join(text.split())
