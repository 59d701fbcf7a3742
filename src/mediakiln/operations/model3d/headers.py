"""STL, PLY, OFF and 3MF headers, checked against the file's size before anything is allocated."""

import re
import zipfile
from pathlib import Path
from typing import NamedTuple

from mediakiln.model.errors import BadMedia
from mediakiln.operations.model3d.limits import (
    MAX_ELEMENTS,
    MAX_MEMBERS,
    MAX_UNPACKED_BYTES,
    at_most,
)

_HEAD_BYTES = 64 * 1024
_STL_HEADER = 84
_STL_FACET = 50
_PLY_BYTES = {
    **dict.fromkeys(("char", "uchar", "int8", "uint8"), 1),
    **dict.fromkeys(("short", "ushort", "int16", "uint16"), 2),
    **dict.fromkeys(("int", "uint", "int32", "uint32", "float", "float32"), 4),
    **dict.fromkeys(("double", "float64"), 8),
}
_TEXT_ITEM = 2
"""Bytes of the shortest number in a text file: a digit and what parts it from the next."""


def check_stl(source: Path) -> None:
    """A binary STL announces its facets, 50 bytes each after a header of 84.

    Raises:
        BadMedia: there are fewer than it announces, or it is neither binary nor text STL.
    """
    size = source.stat().st_size
    head = _head(source)
    announced = int.from_bytes(head[80:_STL_HEADER], "little")
    if size == _STL_HEADER + announced * _STL_FACET:
        at_most(MAX_ELEMENTS, announced, "faces")
    elif head.lstrip()[:5].lower() != b"solid":
        there = max(0, size - _STL_HEADER) // _STL_FACET
        raise BadMedia(
            f"its header announces {announced} facets, and its size fits {there}",
            limit=there,
            value=announced,
        )


class _Element(NamedTuple):
    name: str
    number: int
    text_bytes: int
    binary_bytes: int


def check_ply(source: Path) -> None:
    """A PLY header lists elements, how many of each, and the properties of one.

    Raises:
        BadMedia: the header cannot be read, or the file is too short for what it announces.
        LimitExceeded: it announces too many of an element.
    """
    head, end, _ = _head(source).partition(b"end_header")
    lines = head.decode("ascii", "replace").splitlines()
    if not end or not lines or lines[0].strip() != "ply":
        raise BadMedia("its PLY header does not end")
    text = any(line.split()[:2] == ["format", "ascii"] for line in lines)
    elements = _ply_elements(lines)
    for element in elements:
        at_most(MAX_ELEMENTS, element.number, f"{element.name} elements")
    least = sum(e.number * (e.text_bytes if text else e.binary_bytes) for e in elements)
    _fits(least, source.stat().st_size - len(head) - len(end))


def _ply_elements(lines: list[str]) -> list[_Element]:
    elements: list[_Element] = []
    for line in lines:
        words = line.split()
        try:
            match words:
                case ["element", name, count]:
                    elements.append(_Element(name, _count(count), 0, 0))
                case ["property", "list", length, _, _]:
                    # An empty list still has its length.
                    elements[-1] = _more(elements[-1], _PLY_BYTES[length])
                case ["property", kind, _]:
                    elements[-1] = _more(elements[-1], _PLY_BYTES[kind])
        except (IndexError, KeyError, ValueError) as error:
            raise BadMedia(
                f"its PLY header has a line that means nothing: {line[:80]!r}"
            ) from error
    return elements


def _more(element: _Element, binary: int) -> _Element:
    return element._replace(
        text_bytes=element.text_bytes + _TEXT_ITEM, binary_bytes=element.binary_bytes + binary
    )


def check_off(source: Path) -> None:
    """An OFF file begins with its numbers of vertices and faces.

    Raises:
        BadMedia: the numbers are missing, or the file is too short for them.
        LimitExceeded: the numbers are too big.
    """
    text = re.sub(rb"#[^\n]*", b"", _head(source))
    found = re.match(rb"\s*C?OFF\s+(-?\d+)\s+(-?\d+)", text)
    if not found:
        raise BadMedia("its OFF header gives no numbers of vertices and faces")
    try:
        vertices, faces = _count(found[1]), _count(found[2])
    except ValueError as error:
        raise BadMedia(f"its OFF header is wrong: {error}") from error
    # Three numbers make a vertex; a length and three more a face.
    _fits(vertices * 3 * _TEXT_ITEM + faces * 4 * _TEXT_ITEM, source.stat().st_size)
    at_most(MAX_ELEMENTS, max(vertices, faces), "vertices or faces")


def check_zip(source: Path) -> None:
    """A 3MF is a zip archive, whose directory tells what it unpacks to.

    Raises:
        BadMedia: it is no sound archive.
        LimitExceeded: it holds too much.
    """
    try:
        with zipfile.ZipFile(source) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise BadMedia(f"its archive cannot be read: {error}") from error
    at_most(MAX_MEMBERS, len(members), "files inside")
    at_most(MAX_UNPACKED_BYTES, sum(item.file_size for item in members), "bytes once unpacked")


def _head(source: Path) -> bytes:
    with source.open("rb") as file:
        return file.read(_HEAD_BYTES)


def _count(text: str | bytes) -> int:
    number = int(text)
    if number < 0:
        raise ValueError(f"{number} is not a number of things")
    return number


def _fits(least: int, there: int) -> None:
    if least > there:
        raise BadMedia(
            f"its header announces at least {least} bytes, and {there} are there",
            limit=there,
            value=least,
        )
