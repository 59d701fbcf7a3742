"""Reading requests: buckets, lists, objects."""

import base64
import binascii
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Final

from starlette.responses import Response
from starlette.types import Send

from mediakiln.model.access import Scope
from mediakiln.model.keys import Bucket
from mediakiln.web.access import allowed
from mediakiln.web.delivery.downloads import Downloads
from mediakiln.web.delivery.headers import announce
from mediakiln.web.s3.documents import Tree, document, moment, named
from mediakiln.web.s3.errors import S3Error
from mediakiln.web.s3.listing import LAST, Listed, limit_of, listed
from mediakiln.web.s3.request import S3Request
from mediakiln.web.s3.views import Seen, View, view
from mediakiln.web.services import Services

BUCKETS: Final = (Bucket.INPUT.value, Bucket.PRODUCTION.value)
_SINCE: Final = datetime(2020, 1, 1, tzinfo=UTC)


class Reading:
    """Answers what changes nothing."""

    def __init__(self, services: Services, downloads: Downloads) -> None:
        self._services = services
        self._downloads = downloads

    def buckets(self, request: S3Request) -> Response:
        """ListBuckets."""
        principal = allowed(request.scope, Scope.READ)
        shown = [("Bucket", [("Name", name), ("CreationDate", moment(_SINCE))]) for name in BUCKETS]
        owner = [("ID", principal.project), ("DisplayName", principal.project)]
        return document("ListAllMyBucketsResult", ("Owner", owner), ("Buckets", shown))

    def about(self, request: S3Request) -> Response | None:
        """What tools ask of a bucket beside its objects; None if it is the list they want."""
        allowed(request.scope, Scope.READ)
        query = request.query
        if "location" in query:
            return document("LocationConstraint")
        if "versioning" in query:
            return document("VersioningConfiguration")
        for other in ("acl", "policy", "lifecycle", "tagging", "cors", "versions"):
            if other in query:
                raise S3Error("NotImplemented", f"This service has no {other} of buckets.")
        return None

    async def objects(self, request: S3Request) -> Response:
        """ListObjectsV2, and the older ListObjects."""
        query = request.query
        second = query.get("list-type") == "2"
        delimiter, encoding = query.get("delimiter", ""), query.get("encoding-type")
        prefix, limit = query.get("prefix", ""), limit_of(query.get("max-keys"), "max-keys")
        token = query.get("continuation-token") if second else None
        start = query.get("start-after" if second else "marker", "")
        if not second and delimiter and start.endswith(delimiter):
            start += LAST  # the older list goes on behind the group that it names
        if token is not None:
            start = _unsealed(token)
        page = await listed(
            self._view(request).entries,
            prefix=prefix,
            delimiter=delimiter,
            start_after=start,
            limit=limit,
        )
        head: list[tuple[str, str | Tree]] = [
            ("Name", request.bucket),
            ("Prefix", named(prefix, encoding)),
            ("MaxKeys", str(limit)),
            ("IsTruncated", "true" if page.following else "false"),
        ]
        if delimiter:
            head.append(("Delimiter", named(delimiter, encoding)))
        if encoding:
            head.append(("EncodingType", encoding))
        head += _second(page, token) if second else _first(page, start, encoding)
        return document("ListBucketResult", *head, *_contents(page, encoding))

    async def object(self, request: S3Request, send: Send) -> None:
        """GetObject and HeadObject, with ranges and conditions."""
        allowed(request.scope, Scope.READ)
        seen = await self._view(request).find(request.key)
        pairs = announce(seen.item, public=False, download=False, pinned=False)
        pairs += _described(seen, request)
        await self._downloads.send_item(seen.item, pairs, request.scope, request.receive, send)

    async def tags(self, request: S3Request) -> Response:
        """GetObjectTagging, which tools ask before they copy. Tags of S3's kind there are none."""
        allowed(request.scope, Scope.READ)
        await self._view(request).find(request.key)
        return document("Tagging", ("TagSet", ()))

    def _view(self, request: S3Request) -> View:
        return view(self._services, request.principal.project, request.bucket)


def _described(seen: Seen, request: S3Request) -> list[tuple[bytes, bytes]]:
    """Headers of what the client said of an object, and of its checksum if it asks for that."""
    stamp = format_datetime(seen.modified.astimezone(UTC), usegmt=True)
    found = {"last-modified": stamp}
    found |= {f"x-amz-meta-{name}": value for name, value in seen.meta.items()}
    mode = request.headers.get("x-amz-checksum-mode", "").upper()
    if seen.checksum is not None and mode == "ENABLED" and "range" not in request.headers:
        found[f"x-amz-checksum-{seen.checksum.algorithm}"] = seen.checksum.value
        found["x-amz-checksum-type"] = seen.checksum.kind
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in found.items()]


def _second(page: Listed, token: str | None) -> list[tuple[str, str | Tree]]:
    found: list[tuple[str, str | Tree]] = [("KeyCount", str(page.count))]
    if token is not None:
        found.append(("ContinuationToken", token))
    if page.following:
        found.append(("NextContinuationToken", _sealed(page.following)))
    return found


def _first(page: Listed, marker: str, encoding: str | None) -> list[tuple[str, str | Tree]]:
    found: list[tuple[str, str | Tree]] = [("Marker", named(marker.rstrip(LAST), encoding))]
    if page.following:
        found.append(("NextMarker", named(page.following.rstrip(LAST), encoding)))
    return found


def _contents(page: Listed, encoding: str | None) -> list[tuple[str, str | Tree]]:
    objects: list[tuple[str, str | Tree]] = [
        (
            "Contents",
            [
                ("Key", named(item.key, encoding)),
                ("LastModified", moment(item.modified)),
                ("ETag", f'"{item.etag}"'),
                ("Size", str(item.size)),
                ("StorageClass", "STANDARD"),
            ],
        )
        for item in page.items
    ]
    return objects + [
        ("CommonPrefixes", [("Prefix", named(prefix, encoding))]) for prefix in page.prefixes
    ]


def _sealed(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode("utf-8", "surrogateescape")).decode()


def _unsealed(token: str) -> str:
    try:
        return base64.urlsafe_b64decode(token).decode("utf-8", "surrogateescape")
    except (binascii.Error, ValueError):
        raise S3Error("InvalidArgument", "The continuation token is not one of ours.") from None
