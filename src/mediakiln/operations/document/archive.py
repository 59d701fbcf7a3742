"""Zip-based documents, opened so that they cannot unpack to more than they should."""

import posixpath
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lxml import etree

from mediakiln.model.errors import BadMedia, LimitExceeded, PasswordRequired

MAX_ENTRIES = 20_000
MAX_PART_BYTES = 64 * 1024 * 1024
"""Of one part, unpacked: parts are parsed in memory."""
MAX_UNPACKED_BYTES = 512 * 1024 * 1024
MAX_RATIO = 200
"""Unpacked to packed size. Office files reach about 40; bombs begin near 1,000."""
_RATIO_FREE_BYTES = 4 * 1024 * 1024

_ENCRYPTED = 0x1


class Archive:
    """The parts of a zip file, by name. Sizes are checked before anything is unpacked.

    A part that is longer than its directory entry says is cut there and fails its checksum.
    """

    def __init__(self, file: zipfile.ZipFile) -> None:
        self._file = file
        self._parts = {info.filename: info for info in file.infolist()}
        _check(file.infolist())

    def __contains__(self, name: object) -> bool:
        return name in self._parts

    def names(self) -> list[str]:
        """Every part's name, in the directory's order."""
        return list(self._parts)

    def read(self, name: str) -> bytes:
        """Unpack one part.

        Raises:
            BadMedia: it is missing or damaged.
            PasswordRequired: it is encrypted.
            LimitExceeded: it is too large.
        """
        info = self._parts.get(name)
        if info is None:
            raise BadMedia(f"the document is damaged: it has no {name}")
        if info.flag_bits & _ENCRYPTED:
            raise PasswordRequired
        if info.file_size > MAX_PART_BYTES:
            raise LimitExceeded(
                f"{name} unpacks to {info.file_size} bytes; {MAX_PART_BYTES} are allowed",
                limit=MAX_PART_BYTES,
                value=info.file_size,
            )
        try:
            return self._file.read(info)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError) as error:
            raise BadMedia(f"the document is damaged: {name} cannot be unpacked") from error

    def xml(self, name: str) -> Any:
        """Parse one part; entities are left alone and nothing outside is ever read."""
        return parse_xml(self.read(name), name)

    def relations(self, name: str) -> dict[str, tuple[str, str]]:
        """The OPC relations of a part: id to (the type's last word, the target part's name)."""
        folder, base = posixpath.split(name)
        listed = posixpath.join(folder, "_rels", f"{base}.rels")
        if listed not in self:
            return {}
        found = {}
        for item in self.xml(listed):
            if not isinstance(item.tag, str) or item.get("TargetMode") == "External":
                continue
            target = posixpath.normpath(posixpath.join("/", folder, item.get("Target", "")))
            kind = item.get("Type", "").rpartition("/")[2]
            found[item.get("Id", "")] = kind, target.lstrip("/")
        return found


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """Open a zip file.

    Raises:
        BadMedia: it is no zip file.
        LimitExceeded: it would unpack to too much.
    """
    try:
        file = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise BadMedia("the document is damaged: its zip directory cannot be read") from error
    with file:
        yield Archive(file)


def parse_xml(data: bytes, name: str) -> Any:
    """Parse XML that nobody trusts: no DTD, no entities, no network, libxml2's own limits.

    Raises:
        BadMedia: it is not well-formed, or nested too deep.
    """
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    )
    try:
        return etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise BadMedia(f"the document is damaged: {name}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return str(getattr(error, "msg", None) or error)[:200]


def local(element: Any) -> str:
    """An element's name without its namespace; empty for comments and the like."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def attribute(element: Any, name: str) -> str | None:
    """An attribute's value, whatever its namespace."""
    for key, value in element.attrib.items():
        if key.rpartition("}")[2] == name:
            return str(value)
    return None


def _check(infos: list[zipfile.ZipInfo]) -> None:
    if len(infos) > MAX_ENTRIES:
        raise LimitExceeded(
            f"the document has {len(infos)} parts; {MAX_ENTRIES} are allowed",
            limit=MAX_ENTRIES,
            value=len(infos),
        )
    unpacked = sum(info.file_size for info in infos)
    packed = sum(info.compress_size for info in infos)
    if unpacked > MAX_UNPACKED_BYTES:
        raise LimitExceeded(
            f"the document unpacks to {unpacked} bytes; {MAX_UNPACKED_BYTES} are allowed",
            limit=MAX_UNPACKED_BYTES,
            value=unpacked,
        )
    if unpacked > _RATIO_FREE_BYTES and unpacked > MAX_RATIO * max(1, packed):
        raise LimitExceeded(
            f"the document unpacks to more than {MAX_RATIO} times its size",
            limit=MAX_RATIO,
            value=unpacked // max(1, packed),
        )
