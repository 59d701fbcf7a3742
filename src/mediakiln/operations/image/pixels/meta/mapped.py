"""What IPTC's records say, as XMP: for formats that have no place for records.

The properties are those of the IPTC Photo Metadata Standard (2023.2, annex "IIM to XMP").
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from mediakiln.operations.image.pixels.meta import iptc, xmp

_DC: Final = "http://purl.org/dc/elements/1.1/"
_PHOTOSHOP: Final = "http://ns.adobe.com/photoshop/1.0/"
_CORE: Final = "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/"
_META: Final = "adobe:ns:meta/"
_LANGUAGE: Final = "{http://www.w3.org/XML/1998/namespace}lang"
_PREFIXES: Final = {"dc": _DC, "photoshop": _PHOTOSHOP, "Iptc4xmpCore": _CORE}
_DATE: Final = 8
_TIME: Final = 6

_Kind = Literal["text", "alt", "bag", "seq", "date"]
_PROPERTIES: Final[Mapping[int, tuple[str, str, _Kind]]] = {
    5: (_DC, "title", "alt"),
    10: (_PHOTOSHOP, "Urgency", "text"),
    15: (_PHOTOSHOP, "Category", "text"),
    20: (_PHOTOSHOP, "SupplementalCategories", "bag"),
    25: (_DC, "subject", "bag"),
    40: (_PHOTOSHOP, "Instructions", "text"),
    55: (_PHOTOSHOP, "DateCreated", "date"),
    80: (_DC, "creator", "seq"),
    85: (_PHOTOSHOP, "AuthorsPosition", "text"),
    90: (_PHOTOSHOP, "City", "text"),
    92: (_CORE, "Location", "text"),
    95: (_PHOTOSHOP, "State", "text"),
    100: (_CORE, "CountryCode", "text"),
    101: (_PHOTOSHOP, "Country", "text"),
    103: (_PHOTOSHOP, "TransmissionReference", "text"),
    105: (_PHOTOSHOP, "Headline", "text"),
    110: (_PHOTOSHOP, "Credit", "text"),
    115: (_PHOTOSHOP, "Source", "text"),
    116: (_DC, "rights", "alt"),
    120: (_DC, "description", "alt"),
    122: (_PHOTOSHOP, "CaptionWriter", "text"),
}
"""By the data set's number in record 2."""


def joined(packet: bytes | None, records: bytes) -> bytes | None:
    """The packet, or a new one, with what the records say and the packet does not.

    None where neither says anything. Where both speak of one thing the packet is right (Guidelines
    for Handling Image Metadata 2.0, section 3.3.1).
    """
    from lxml import etree

    values = iptc.texts(records)
    named = [(_PROPERTIES[number], values[number]) for number in _PROPERTIES if number in values]
    if not named:
        return packet
    root = (
        xmp.parsed(packet) if packet else etree.Element(f"{{{_META}}}xmpmeta", nsmap={"x": _META})
    )
    if root is None:
        return packet
    known = {name for description in xmp.descriptions(root) for name in _names(description)}
    rdf = next(root.iter(f"{{{xmp.RDF}}}RDF"), None)
    if rdf is None:
        rdf = etree.SubElement(root, f"{{{xmp.RDF}}}RDF", nsmap={"rdf": xmp.RDF})
    description = etree.SubElement(rdf, f"{{{xmp.RDF}}}Description", nsmap=_PREFIXES)
    description.set(f"{{{xmp.RDF}}}about", "")
    for (space, local, kind), texts in named:
        if f"{{{space}}}{local}" not in known:
            time = (values.get(60) or [""])[0]
            _write(etree.SubElement(description, f"{{{space}}}{local}"), kind, texts, time)
    made: bytes = etree.tostring(root, encoding="utf-8")
    return made if len(made) <= xmp.MAX_BYTES else packet


def _names(description: Any) -> set[str]:
    return {
        *description.attrib,
        *(child.tag for child in description if isinstance(child.tag, str)),
    }


def _write(element: Any, kind: _Kind, texts: Sequence[str], time: str) -> None:
    from lxml import etree

    if kind == "text":
        element.text = texts[0]
    elif kind == "date":
        element.text = _dated(texts[0], time)
    else:
        container = etree.SubElement(element, f"{{{xmp.RDF}}}{kind.capitalize()}")
        for text in texts[:1] if kind == "alt" else texts:
            item = etree.SubElement(container, f"{{{xmp.RDF}}}li")
            item.text = text
            if kind == "alt":
                item.set(_LANGUAGE, "x-default")


def _dated(date: str, time: str) -> str:
    """ISO 8601 of CCYYMMDD and HHMMSS±HHMM; what does not look so stays as it is."""
    if len(date) != _DATE or not date.isdigit():
        return date
    day = f"{date[:4]}-{date[4:6]}-{date[6:]}"
    clock, zone = time[:_TIME], time[_TIME:]
    if len(clock) != _TIME or not clock.isdigit():
        return day
    shown = f"{zone[:3]}:{zone[3:5]}" if len(zone) == len("+0000") else ""
    return f"{day}T{clock[:2]}:{clock[2:4]}:{clock[4:]}{shown}"
