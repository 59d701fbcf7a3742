"""The primary image of HEIF and AVIF, by the properties of its item (ISO/IEC 23008-12)."""

from collections.abc import Iterator

from mediakiln.adapters.detector.pictures.boxes import Span, boxes_of, named, whole
from mediakiln.adapters.detector.pictures.facts import picture
from mediakiln.adapters.detector.probes.window import Window, be
from mediakiln.ports.detector import Detection

_MOST_BYTES = 64 * 1024
"""Of one box that is read."""
_MOST_ITEMS = 4096
_WIDE, _MIRRORED_SIDES = 1, 1
_MATTER = frozenset({b"ispe", b"clap", b"irot", b"imir"})

_ORIENTATIONS = {
    (False, 0): 1,
    (True, 0): 2,
    (False, 2): 3,
    (True, 2): 4,
    (True, 3): 5,
    (False, 1): 6,
    (True, 1): 7,
    (False, 3): 8,
}
"""EXIF's number of: mirrored left to right, if so, and then turned clockwise by quarters."""

_Property = tuple[bytes, bytes]


def sized(window: Window, media_type: str) -> Detection:
    """The type with the size of the file's primary image, and how it lies.

    Raises:
        NotSeen: more of the file is needed.
    """
    width = height = 0
    mirrored, quarters = False, 0
    for kind, value in _primary(window):
        if kind == b"ispe":
            width, height = be(value[4:8]), be(value[8:12])
        elif kind == b"clap":
            width, height = _cut(value, width, height)
        elif kind == b"irot":
            quarters -= be(value[:1]) & 3
        elif kind == b"imir":
            # Mirroring a turned image is turning the mirrored one the other way.
            upside_down = 0 if be(value[:1]) & _MIRRORED_SIDES else 2
            mirrored, quarters = not mirrored, upside_down - quarters
    turned = _ORIENTATIONS[mirrored, quarters % 4]
    return picture(media_type, width, height, turned if turned > 1 else None)


def _cut(value: bytes, width: int, height: int) -> tuple[int, int]:
    """The sides that a clean aperture leaves (section 12.1.4 of ISO/IEC 14496-12)."""
    across, parts, down, parts_down = (be(value[at : at + 4]) for at in (0, 4, 8, 12))
    if not parts or not parts_down:
        return width, height
    return min(across // parts, width), min(down // parts_down, height)


def _primary(window: Window) -> list[_Property]:
    """What is said of the primary item, in the order in which it is to be done."""
    meta = next(named(b"meta", window, whole(window)), None)
    if meta is None:
        return []
    inside = (meta[0] + 4, meta[1])
    item = next((_item(window, at) for at, _ in named(b"pitm", window, inside)), None)
    told = next(named(b"iprp", window, inside), None)
    if item is None or told is None:
        return []
    known = list(_known(window, told))
    return [known[number - 1] for number in _links(window, told, item, len(known))]


def _item(window: Window, at: int) -> int:
    head = window.read(at, 8)
    return be(head[4:8]) if head[:1] != b"\0" else be(head[4:6])


def _known(window: Window, told: Span) -> Iterator[_Property]:
    """Every property there is, without the content of those that do not matter."""
    for span in named(b"ipco", window, told):
        for kind, start, end in boxes_of(window, span):
            yield kind, window.read(start, min(end - start, 32)) if kind in _MATTER else b""
        return


def _links(window: Window, told: Span, primary: int, most: int) -> list[int]:
    """The numbers of an item's properties, from 1."""
    for start, end in named(b"ipma", window, told):
        box = window.read(start, min(end - start, _MOST_BYTES))
        wide = be(box[3:4]) & _WIDE
        name = 4 if box[:1] != b"\0" else 2
        size, mask = (2, 0x7FFF) if wide else (1, 0x7F)
        at = 8
        for _ in range(min(be(box[4:8]), _MOST_ITEMS)):
            item, links = be(box[at : at + name]), be(box[at + name : at + name + 1])
            at += name + 1
            if item == primary:
                ends = range(at, min(at + size * links, len(box)), size)
                numbers = [be(box[each : each + size]) & mask for each in ends]
                return [number for number in numbers if 1 <= number <= most]
            at += size * links
    return []
