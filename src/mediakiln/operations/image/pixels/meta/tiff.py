"""EXIF in a TIFF, which libvips writes without.

A TIFF and an EXIF block are of one structure (TIFF 6.0, section 2; Exif 3.0, section 4.5.4): the
block's entries go into a new first directory at the file's end.
"""

import struct
from typing import BinaryIO, Final

from mediakiln.operations.image.pixels.meta import exif

_HEAD: Final = 8
_ENTRY: Final = 12
_LITTLE: Final = b"II*\0"


def add(file: BinaryIO, block: bytes) -> None:
    """Give a TIFF the entries of an EXIF block that it does not have; the picture stays.

    The file is one that libvips wrote on this machine, open for reading and writing: of the
    classic layout, with one directory.
    """
    head = file.read(_HEAD)
    little = head.startswith(_LITTLE)
    order = "<" if little else ">"
    entries = _entries(file, order, struct.unpack(f"{order}I", head[4:])[0])
    end = file.seek(0, 2)
    place = end + end % 2
    moved = exif.placed(block, place, little=little)
    file.write(bytes(end % 2) + moved)
    added = _entries(file, order, place)
    known = {entry[:2] for entry in entries}
    entries = sorted(
        [*entries, *(entry for entry in added if entry[:2] not in known)],
        key=lambda entry: struct.unpack(f"{order}H", entry[:2]),
    )
    directory = file.seek(0, 2)
    file.write(bytes(directory % 2))
    file.write(struct.pack(f"{order}H", len(entries)) + b"".join(entries) + bytes(4))
    file.seek(4)
    file.write(struct.pack(f"{order}I", directory + directory % 2))


def _entries(file: BinaryIO, order: str, place: int) -> list[bytes]:
    """The entries of a directory, as they stand in the file."""
    file.seek(place)
    (count,) = struct.unpack(f"{order}H", file.read(2))
    data = file.read(count * _ENTRY)
    return [data[at : at + _ENTRY] for at in range(0, len(data), _ENTRY)]
