"""XMP (ISO 16684-1), without what must not leave with a picture."""

import re
from typing import Any, Final

MAX_BYTES: Final = 60_000
"""What fits into one segment of a JPEG."""

_META: Final = "adobe:ns:meta/"
RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_PLACES = re.compile(
    r"gps|latitude|longitude|altitude|coordinates|location|geo|^coverage$|"
    r"^(sub-?)?city$|^state$|^country|province|^(world|higher)-?(region|geography)|^county$|"
    r"^municipality$|locality$|^continent$|^island|^waterbody$|footprint|landmark|^place",
    re.IGNORECASE,
)
"""Of IPTC's schemas, EXIF's, Dublin Core's and Darwin Core's, and of those that drones and
programs made up."""
_OF_THE_FILE = re.compile(
    r"thumbnail|orientation|^(image|exif)?(width|length|height)$|^pixel[xy]dimension$|^history$|"
    r"^derivedfrom$|^(has|native)digest$|digest$|^documentancestors$|makernote|^data$",
    re.IGNORECASE,
)
"""What describes the source's bytes, or carries another picture."""
_FOREIGN = (
    "http://ns.adobe.com/hdr-gain-map/",
    "http://ns.google.com/photos/1.0/container/",
    "http://ns.google.com/photos/1.0/camera/",
    "http://ns.google.com/photos/1.0/image/",
    "http://ns.google.com/photos/1.0/depthmap/",
    "http://ns.google.com/photos/dd/",
    "http://ns.apple.com/HDRGainMap/",
    "http://ns.adobe.com/xmp/note/",
)
"""Namespaces that speak of further pictures in the source's file."""
_RIGHTS = {
    "http://purl.org/dc/elements/1.1/": frozenset({"rights", "creator"}),
    "http://ns.adobe.com/xap/1.0/rights/": None,
    "http://creativecommons.org/ns#": None,
    "http://ns.useplus.org/ldf/xmp/1.0/": None,
    "http://ns.adobe.com/photoshop/1.0/": frozenset({"Credit", "AuthorsPosition", "Source"}),
}


def cleaned(data: bytes, *, rights_only: bool, location: bool) -> bytes | None:
    """A packet with the properties that may stay; None where there are none, or it is damaged."""
    from lxml import etree

    source = parsed(data)
    if source is None:
        return None
    # What stands around the descriptions is no property, and nobody's to judge.
    root = etree.Element(f"{{{_META}}}xmpmeta", nsmap={"x": _META})
    kept = etree.SubElement(root, f"{{{RDF}}}RDF", nsmap={"rdf": RDF})
    left = 0
    for description in descriptions(source):
        left += _clean(description, rights_only=rights_only, location=location)
        description.text = description.tail = None
        kept.append(description)
    etree.cleanup_namespaces(root)
    packet: bytes = etree.tostring(root, encoding="utf-8")
    return packet if left and len(packet) <= MAX_BYTES else None


def parsed(data: bytes) -> Any | None:
    """The root element of a packet; None where it is damaged, or has a document type."""
    from lxml import etree

    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(_trimmed(data), parser)
    except (etree.XMLSyntaxError, ValueError):
        return None
    return None if root.getroottree().docinfo.doctype else root


def descriptions(root: Any) -> list[Any]:
    """The elements that hold properties."""
    return [
        element
        for element in root.iter(f"{{{RDF}}}Description")
        if element.getparent() is not None and element.getparent().tag == f"{{{RDF}}}RDF"
    ]


def _trimmed(data: bytes) -> bytes:
    """Without the packet's padding: some writers end it with zeros."""
    return data.strip(b"\0 \r\n\t")


def _clean(element: Any, *, rights_only: bool, location: bool) -> int:
    """Remove from a description, at any depth, what does not stay; how many properties do."""
    left = 0
    for name in list(element.attrib):
        if _stays(name, rights_only=rights_only, location=location):
            left += not name.startswith(f"{{{RDF}}}")
        else:
            del element.attrib[name]
    for child in list(element):
        if not isinstance(child.tag, str) or not _stays(
            child.tag, rights_only=rights_only, location=location
        ):
            element.remove(child)
            continue
        child.tail = None
        _clean(child, rights_only=False, location=location)
        left += 1
    return left


def _stays(name: str, *, rights_only: bool, location: bool) -> bool:
    namespace, _, local = name.rpartition("}")
    namespace = namespace.removeprefix("{")
    if namespace in {RDF, "http://www.w3.org/XML/1998/namespace"}:
        return True
    if rights_only:
        allowed = _RIGHTS.get(namespace, frozenset())
        return allowed is None or local in allowed
    if namespace.startswith(_FOREIGN) or _OF_THE_FILE.search(local):
        return False
    return location or not tells_place(local)


def tells_place(local: str) -> bool:
    """Whether a property of this name, without its namespace, says where something is."""
    return bool(_PLACES.search(local))
