"""The XML documents of S3, written and read."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote
from xml.sax.saxutils import escape

from lxml import etree
from starlette.responses import Response

from mediakiln.model.upload import Upload
from mediakiln.stages.uploads.s3.checksums import Checksum
from mediakiln.stages.uploads.s3.sent import Named, SentPart
from mediakiln.web.s3.errors import S3Error

NAMESPACE: Final = "http://s3.amazonaws.com/doc/2006-03-01/"
MAX_XML_BYTES: Final = 2 * 1024 * 1024
_CHECKSUM: Final = "Checksum"
_HEAD: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'

Tree = Iterable[tuple[str, "str | Tree"]]
"""Elements, each a name and its text or its own elements."""


def document(root: str, *elements: tuple[str, "str | Tree"], status: int = 200) -> Response:
    """An answer of one element with these in it."""
    inner = "".join(_written(elements))
    body = f'{_HEAD}<{root} xmlns="{NAMESPACE}">{inner}</{root}>'
    return Response(body, status, media_type="application/xml")


def _written(elements: Tree) -> Iterator[str]:
    for name, content in elements:
        inner = escape(content) if isinstance(content, str) else "".join(_written(content))
        yield f"<{name}>{inner}</{name}>"


def moment(at: datetime) -> str:
    """A time as S3 writes it in documents."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03}Z"


def named(key: str, encoding: str | None) -> str:
    """A key as a list shows it: encoded if the client asked for it, since XML has no controls."""
    return quote(key, safe="-_.~/") if encoding == "url" else key


def parts(sent: Sequence[SentPart], at: datetime) -> Tree:
    """The elements of a list of parts."""
    return [
        (
            "Part",
            [
                ("PartNumber", str(part.number)),
                ("LastModified", moment(at)),
                ("ETag", f'"{part.md5}"'),
                ("Size", str(part.size)),
                *((_CHECKSUM + name.upper(), value) for name, value in part.checksums.items()),
            ],
        )
        for part in sent
    ]


def checksum(found: Checksum | None) -> list[tuple[str, "str | Tree"]]:
    """The elements of an object's checksum; none if it has none."""
    if found is None:
        return []
    return [(_CHECKSUM + found.algorithm.upper(), found.value), ("ChecksumType", found.kind)]


def open_uploads(
    bucket: str,
    found: Sequence[tuple[str, Upload]],
    limit: int,
    query: Mapping[str, str],
    encoding: str | None,
) -> Response:
    """A page of uploads that are open, with their keys, of those behind the query's markers."""
    page, more = found[:limit], len(found) > limit
    head: list[tuple[str, str | Tree]] = [
        ("Bucket", bucket),
        ("KeyMarker", named(query.get("key-marker", ""), encoding)),
        ("UploadIdMarker", query.get("upload-id-marker", "")),
        ("Prefix", named(query.get("prefix", ""), encoding)),
        ("MaxUploads", str(limit)),
        ("IsTruncated", "true" if more else "false"),
    ]
    if more and page:
        head.append(("NextKeyMarker", named(page[-1][0], encoding)))
        head.append(("NextUploadIdMarker", page[-1][1].id))
    if encoding:
        head.append(("EncodingType", encoding))
    uploads: list[tuple[str, str | Tree]] = [
        (
            "Upload",
            [
                ("Key", named(key, encoding)),
                ("UploadId", upload.id),
                ("Initiator", [("ID", upload.by), ("DisplayName", upload.by)]),
                ("StorageClass", "STANDARD"),
                ("Initiated", moment(upload.created_at)),
            ],
        )
        for key, upload in page
    ]
    return document("ListMultipartUploadsResult", *head, *uploads)


def read_completion(body: bytes) -> list[Named]:
    """The parts that a client names at the end of an upload.

    Raises:
        S3Error: it cannot be read, or the parts are not in ascending order.
    """
    found: list[Named] = []
    for element in _read(body, "CompleteMultipartUpload", "Part"):
        number, etag = _text(element, "PartNumber"), _text(element, "ETag")
        if not number.isdecimal():
            raise S3Error("MalformedXML", "PartNumber is not a number.")
        found.append(Named(int(number), etag.strip('"'), _checksums(element)))
    if not found:
        raise S3Error("MalformedXML", "The document names no parts.")
    return found


def read_deletion(body: bytes) -> tuple[list[str], bool]:
    """The keys to delete, and whether only failures are to be told.

    Raises:
        S3Error: it cannot be read, or there are too many.
    """
    keys = [_text(element, "Key") for element in _read(body, "Delete", "Object")]
    quiet = [_plain(element) for element in _read(body, "Delete", "Quiet")]
    if not 1 <= len(keys) <= 1000:  # noqa: PLR2004 - S3's own bound
        raise S3Error("MalformedXML", "1 to 1000 keys are deleted at a time.")
    return keys, quiet == ["true"]


def _read(body: bytes, root: str, name: str) -> list["etree._Element"]:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        tree = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise S3Error("MalformedXML", "The document cannot be read.") from None
    if tree.getroottree().docinfo.doctype or etree.QName(tree).localname != root:
        raise S3Error("MalformedXML", f"The document is no {root}.")
    return [
        element
        for element in tree
        if isinstance(element.tag, str) and etree.QName(element).localname == name
    ]


def _checksums(element: "etree._Element") -> dict[str, str]:
    names = [etree.QName(child).localname for child in element if isinstance(child.tag, str)]
    return {
        name.removeprefix(_CHECKSUM).lower(): _text(element, name)
        for name in names
        if name.startswith(_CHECKSUM)
    }


def _text(element: "etree._Element", name: str) -> str:
    for child in element:
        if isinstance(child.tag, str) and etree.QName(child).localname == name:
            return _plain(child)
    raise S3Error("MalformedXML", f"{name} is missing.")


def _plain(element: "etree._Element") -> str:
    return str(element.text or "")
