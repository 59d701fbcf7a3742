"""XMP packets (ISO 16684-1) as plain JSON: `prefix:name` to text, list or object."""

from typing import Any, Final

from lxml import etree

from mediakiln.operations.image.pixels.meta.xmp import tells_place

MAX_BYTES: Final = 1024 * 1024
MAX_DEPTH: Final = 12
MAX_TEXT: Final = 4_000
MAX_VALUES: Final = 64

_RDF: Final = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_ARRAYS: Final = frozenset({f"{_RDF}{name}" for name in ("Bag", "Seq", "Alt")})
_LANGUAGE: Final = "{http://www.w3.org/XML/1998/namespace}lang"
_PREFIXES: Final = {
    "http://purl.org/dc/elements/1.1/": "dc",
    "http://ns.adobe.com/xap/1.0/": "xmp",
    "http://ns.adobe.com/xap/1.0/rights/": "xmpRights",
    "http://ns.adobe.com/photoshop/1.0/": "photoshop",
    "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/": "Iptc4xmpCore",
    "http://iptc.org/std/Iptc4xmpExt/2008-02-29/": "Iptc4xmpExt",
    "http://ns.adobe.com/tiff/1.0/": "tiff",
    "http://ns.adobe.com/exif/1.0/": "exif",
}
"""What namespaces are called, whatever a packet's writer called them; others keep their own."""
_SKIPPED: Final = ("xmp:Thumbnails", "xmpGImg:", "photoshop:DocumentAncestors", "crs:", "GImage:")


def read(packet: bytes | str | None, *, location: bool) -> dict[str, Any]:
    """The packet's properties; an empty answer for one that is damaged or too large.

    Entities are not expanded and nothing is fetched. `location` tells of places, too.
    """
    raw = packet.encode() if isinstance(packet, str) else packet
    if not raw or len(raw) > MAX_BYTES:
        return {}
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(raw.strip(b"\0 \n\r\t"), parser)
    except (etree.XMLSyntaxError, ValueError):
        return {}
    if not location:
        _forget_places(root)
    found: dict[str, Any] = {}
    for description in root.iter(f"{_RDF}Description"):
        parent = description.getparent()
        if parent is not None and parent.tag == f"{_RDF}RDF":
            found |= _properties(description, 0)
    return {name: found[name] for name in sorted(found) if not name.startswith(_SKIPPED)}


def _forget_places(root: Any) -> None:
    """Remove what says where something is, at any depth."""
    for element in list(root.iter(etree.Element)):
        for name in list(element.attrib):
            if tells_place(_local(name)):
                del element.attrib[name]
        for child in list(element):
            if isinstance(child.tag, str) and tells_place(_local(child.tag)):
                element.remove(child)


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _properties(element: Any, depth: int) -> dict[str, Any]:
    """Attributes and children of a description."""
    found: dict[str, Any] = {}
    for name, value in element.attrib.items():
        if not name.startswith((_RDF, "{http://www.w3.org/XML/1998/namespace}")):
            found[_name(name, element)] = value[:MAX_TEXT]
    for child in element:
        if isinstance(child.tag, str):
            value = _value(child, depth + 1)
            if value not in ({}, [], "", None):
                found[_name(child.tag, child)] = value
    return found


def _value(element: Any, depth: int) -> Any:
    if depth > MAX_DEPTH:
        return None
    children = [child for child in element if isinstance(child.tag, str)]
    if len(children) == 1 and children[0].tag in _ARRAYS:
        return _array(children[0], depth + 1)
    if len(children) == 1 and children[0].tag == f"{_RDF}Description":
        return _properties(children[0], depth + 1)
    if children or element.get(f"{_RDF}parseType") == "Resource":
        return _properties(element, depth + 1)
    attributes = _properties(element, depth + 1)
    return attributes or (element.text or "").strip()[:MAX_TEXT]


def _array(array: Any, depth: int) -> Any:
    """A list; of alternatives in several languages the default one."""
    items = [item for item in array if item.tag == f"{_RDF}li"][:MAX_VALUES]
    if array.tag == f"{_RDF}Alt":
        items.sort(key=lambda item: item.get(_LANGUAGE) != "x-default")
        return _value(items[0], depth) if items else None
    return [_value(item, depth) for item in items]


def _name(tag: str, element: Any) -> str:
    space, _, local = tag[1:].rpartition("}") if tag.startswith("{") else ("", "", tag)
    own = next((prefix for prefix, uri in element.nsmap.items() if uri == space and prefix), "")
    prefix = _PREFIXES.get(space, own)
    return f"{prefix}:{local}" if prefix else local
