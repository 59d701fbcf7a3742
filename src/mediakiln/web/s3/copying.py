"""CopyObject and UploadPartCopy: what lies in the buckets is put in again."""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote_to_bytes

from starlette.responses import Response

from mediakiln.model.access import Scope
from mediakiln.model.keys import Bucket
from mediakiln.stages.uploads.s3.checksums import check_known
from mediakiln.stages.uploads.s3.hashing import Hashed
from mediakiln.stages.uploads.s3.sent import checksum_of
from mediakiln.web.access import allowed
from mediakiln.web.s3.documents import checksum, document, moment
from mediakiln.web.s3.errors import S3Error
from mediakiln.web.s3.reading import BUCKETS
from mediakiln.web.s3.request import S3Request
from mediakiln.web.s3.views import Seen, view
from mediakiln.web.s3.writing import ASSET, OURS, Writing
from mediakiln.web.services import Services

SOURCE: Final = "x-amz-copy-source"
_RANGE: Final = re.compile(r"bytes=(\d{1,15})-(\d{1,15})")
_DATED: Final = (f"{SOURCE}-if-modified-since", f"{SOURCE}-if-unmodified-since")


class Copying:
    """Answers requests whose bytes are an object's of either bucket."""

    def __init__(self, services: Services, writing: Writing) -> None:
        self._services = services
        self._writing = writing

    async def put(self, request: S3Request) -> Response:
        """CopyObject. A copy is an asset of its own.

        Copied onto itself, an object stays the asset that it is, and only what was said of it
        is replaced: so tools set times. Where that asks for other work, it is a new asset.
        """
        bucket, key, seen = await self._source(request)
        replaced = _replaced(request)
        meta = request.meta if replaced else seen.meta
        if bucket == Bucket.INPUT and key == request.key:
            if not replaced:
                raise S3Error(
                    "InvalidRequest", "An object is copied onto itself with new metadata."
                )
            if _wanted(meta) == _wanted(seen.meta):
                return await self._described(request, seen, meta)
        given = request.headers.get("content-type", "") if replaced else ""
        declared = given or seen.item.media_type
        algorithm = request.headers.get("x-amz-checksum-algorithm")
        if algorithm is not None:
            algorithm = check_known(algorithm.lower())
        item = seen.item
        body = Hashed(
            self._services.store.stream(item.bucket, item.key),
            announced={},
            also=frozenset() if algorithm is None else frozenset({algorithm}),
            size=item.size,
        )
        asset, entry = await self._services.s3.put(
            self._writing.offer(request, meta, declared, item.size),
            request.key,
            body,
            algorithm=algorithm,
            meta=meta,
        )
        answer = document(
            "CopyObjectResult",
            ("LastModified", moment(entry.modified)),
            ("ETag", f'"{entry.etag}"'),
            *checksum(entry.checksum),
        )
        answer.headers[ASSET] = asset.id
        return answer

    async def part(self, request: S3Request) -> Response:
        """UploadPartCopy."""
        _, _, seen = await self._source(request)
        number, upload = self._writing.number(request), await self._writing.upload(request)
        item, chosen = seen.item, checksum_of(upload)
        start, end = _span(request.headers.get(f"{SOURCE}-range"), item.size)
        algorithms = [] if chosen is None else [chosen.algorithm]
        body = Hashed(
            self._services.store.stream(item.bucket, item.key, start=start, end=end),
            announced={},
            also=frozenset(algorithms),
            size=end - start,
        )
        sent = await self._services.s3.part(
            upload, number, end - start, body, algorithms=algorithms
        )
        return document(
            "CopyPartResult", ("LastModified", moment(seen.modified)), ("ETag", f'"{sent.md5}"')
        )

    async def _described(self, request: S3Request, seen: Seen, meta: Mapping[str, str]) -> Response:
        project, index = request.principal.project, self._services.s3.index
        allowed(request.scope, Scope.UPLOAD)
        entry = await index.get(project, request.key)
        if entry is None or entry.etag != seen.item.etag:
            raise S3Error("NoSuchKey", "The object was replaced meanwhile.")
        entry = await index.describe(project, entry, meta)
        return document(
            "CopyObjectResult",
            ("LastModified", moment(entry.modified)),
            ("ETag", f'"{entry.etag}"'),
        )

    async def _source(self, request: S3Request) -> tuple[str, str, Seen]:
        principal = allowed(request.scope, Scope.READ)
        named, _, version = request.headers[SOURCE].partition("?")
        if version not in {"", "versionId=null"}:
            raise S3Error("NotImplemented", "This service has no versions of objects.")
        path = unquote_to_bytes(named).decode("utf-8", "surrogateescape")
        bucket, _, key = path.removeprefix("/").partition("/")
        if bucket not in BUCKETS:
            raise S3Error("NoSuchBucket", f"There are the buckets {' and '.join(BUCKETS)}.")
        seen = await view(self._services, principal.project, bucket).find(key)
        _check_conditions(request, seen.item.etag)
        return bucket, key, seen


def _check_conditions(request: S3Request, etag: str) -> None:
    headers = request.headers
    if any(name in headers for name in _DATED):
        raise S3Error("NotImplemented", "Conditions of copies name ETags here, not times.")
    wanted, other = headers.get(f"{SOURCE}-if-match"), headers.get(f"{SOURCE}-if-none-match")
    if (wanted is not None and wanted.strip('"') not in {etag, "*"}) or (
        other is not None and other.strip('"') in {etag, "*"}
    ):
        raise S3Error("PreconditionFailed", "The source is not the object that was expected.")


def _replaced(request: S3Request) -> bool:
    """Whether the request says anew what is said of the object."""
    directive = request.headers.get("x-amz-metadata-directive", "COPY")
    if directive not in {"COPY", "REPLACE"}:
        raise S3Error("InvalidArgument", "x-amz-metadata-directive is COPY or REPLACE.")
    return directive == "REPLACE"


def _wanted(meta: Mapping[str, str]) -> dict[str, str]:
    """What metadata say to this service."""
    return {name: value for name, value in meta.items() if name.startswith(OURS)}


def _span(text: str | None, size: int) -> tuple[int, int]:
    """The bytes of the source that are copied: the first, and the one behind the last."""
    if text is None:
        return 0, size
    found = _RANGE.fullmatch(text)
    if found is None or not int(found[1]) <= int(found[2]) < size:
        raise S3Error("InvalidArgument", f"The range is not inside the {size} bytes of the source.")
    return int(found[1]), int(found[2]) + 1
