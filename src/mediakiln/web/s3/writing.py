"""Requests that put objects in, whole or in parts, and delete them."""

from collections.abc import Mapping
from email.header import decode_header, make_header
from typing import Final
from urllib.parse import unquote

from starlette.responses import Response

from mediakiln.model.access import Scope
from mediakiln.model.errors import NotFound
from mediakiln.model.keys import Bucket
from mediakiln.model.upload import Offer, Upload
from mediakiln.stages.uploads.s3.hashing import Hashed
from mediakiln.stages.uploads.s3.sent import checksum_of
from mediakiln.stages.uploads.s3.stage import S3Uploads
from mediakiln.web.access import allowed, noted
from mediakiln.web.s3.documents import (
    MAX_XML_BYTES,
    Tree,
    checksum,
    document,
    open_uploads,
    parts,
    read_completion,
    read_deletion,
)
from mediakiln.web.s3.errors import S3Error
from mediakiln.web.s3.listing import LAST, limit_of
from mediakiln.web.s3.request import S3Request
from mediakiln.web.services import Services
from mediakiln.web.upload.intake import Said, offer_of

ASSET: Final = "x-mediakiln-asset"
OURS: Final = "mediakiln-"
"""How the names of metadata begin that are said to this service."""
_CHECKSUM: Final = "x-amz-checksum-"


class Writing:
    """Answers what changes the input bucket. The other one is written by recipes alone."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._uploads: S3Uploads = services.s3

    async def put(self, request: S3Request) -> Response:
        """PutObject."""
        body, meta, declared = request.body(), request.meta, request.headers.get("content-type", "")
        asset, entry = await self._uploads.put(
            self.offer(request, meta, declared, request.size),
            request.key,
            body,
            algorithm=request.algorithm,
            meta=meta,
        )
        found = {"ETag": f'"{entry.etag}"', ASSET: asset.id}
        if entry.checksum is not None:
            found[f"{_CHECKSUM}{entry.checksum.algorithm}"] = entry.checksum.value
            found[f"{_CHECKSUM}type"] = entry.checksum.kind
        return Response(headers=found)

    async def delete(self, request: S3Request) -> Response:
        """DeleteObject: the asset behind the key is deleted as by the interface for programs."""
        allowed(request.scope, Scope.DELETE)
        await self._delete(request, request.key)
        return Response(status_code=204)

    async def delete_many(self, request: S3Request) -> Response:
        """DeleteObjects."""
        allowed(request.scope, Scope.DELETE)
        keys, quiet = read_deletion(await request.small(MAX_XML_BYTES))
        for key in keys:
            await self._delete(request, key)
        gone: Tree = [("Deleted", [("Key", key)]) for key in keys]
        return document("DeleteResult", *(() if quiet else gone))

    async def _delete(self, request: S3Request, key: str) -> None:
        project = request.principal.project
        entry = await self._uploads.index.get(project, key)
        if entry is None:
            return
        try:
            await self._services.manage.delete(entry.asset, project=project)
        except NotFound:
            pass  # the record is gone already
        else:
            self._services.deliver.forget(entry.asset)
            await noted(request.scope, self._services, "asset.deleted", entry.asset)
        await self._uploads.index.remove(project, entry)

    async def begin(self, request: S3Request) -> Response:
        """CreateMultipartUpload."""
        chosen, meta = request.chosen, request.meta
        offer = self.offer(request, meta, request.headers.get("content-type", ""), None)
        upload = await self._uploads.begin(
            offer, request.key, by=request.principal.id, checksum=chosen, meta=meta
        )
        answer = document(
            "InitiateMultipartUploadResult",
            ("Bucket", request.bucket),
            ("Key", request.key),
            ("UploadId", upload.id),
        )
        if chosen is not None:
            answer.headers[f"{_CHECKSUM}algorithm"] = chosen.algorithm.upper()
            answer.headers[f"{_CHECKSUM}type"] = chosen.kind
        return answer

    async def part(self, request: S3Request) -> Response:
        """UploadPart."""
        number, upload = self.number(request), await self.upload(request)
        chosen, algorithm = checksum_of(upload), request.algorithm
        if chosen is not None and algorithm not in {None, chosen.algorithm}:
            raise S3Error("InvalidRequest", f"The upload began with {chosen.algorithm}.")
        name = algorithm if chosen is None else chosen.algorithm
        algorithms = [] if name is None else [name]
        body: Hashed = request.body(also=frozenset(algorithms))
        sent = await self._uploads.part(upload, number, request.size, body, algorithms=algorithms)
        found = {f"{_CHECKSUM}{name}": value for name, value in sent.checksums.items()}
        return Response(headers={"ETag": f'"{sent.md5}"', **found})

    def number(self, request: S3Request) -> int:
        """The number of the part that a request is about.

        Raises:
            S3Error: it is none.
        """
        number = request.query.get("partNumber", "")
        if not number.isdecimal() or not 1 <= int(number) <= 10_000:  # noqa: PLR2004 - S3's own bound
            raise S3Error("InvalidArgument", "partNumber is 1 to 10000.")
        return int(number)

    async def uploads(self, request: S3Request) -> Response:
        """ListMultipartUploads: those of the caller's project that are open, page by page."""
        principal, query = allowed(request.scope, Scope.UPLOAD), request.query
        prefix, encoding = query.get("prefix", ""), query.get("encoding-type")
        after = (query.get("key-marker", ""), query.get("upload-id-marker", LAST))
        found = []
        if request.bucket == Bucket.INPUT:
            found = [
                (key, upload)
                for key, upload in await self._uploads.open(principal.project, prefix)
                if (key, upload.id) > after
            ]
        limit = limit_of(query.get("max-uploads"), "max-uploads")
        return open_uploads(request.bucket, found, limit, query, encoding)

    async def parts(self, request: S3Request) -> Response:
        """ListParts: all of them, since there are at most 10,000."""
        upload = await self.upload(request)
        return document(
            "ListPartsResult",
            ("Bucket", request.bucket),
            ("Key", request.key),
            ("UploadId", upload.id),
            ("IsTruncated", "false"),
            *parts(await self._uploads.sent(upload), upload.created_at),
        )

    async def complete(self, request: S3Request) -> Response:
        """CompleteMultipartUpload."""
        upload = await self.upload(request)
        named = read_completion(await request.small(MAX_XML_BYTES, is_object=False))
        expected = request.expected(checksum_of(upload))
        asset, entry = await self._uploads.complete(upload, named, expected=expected)
        answer = document(
            "CompleteMultipartUploadResult",
            ("Location", f"/{request.bucket}/{request.key}"),
            ("Bucket", request.bucket),
            ("Key", request.key),
            ("ETag", f'"{entry.etag}"'),
            *checksum(entry.checksum),
        )
        answer.headers[ASSET] = asset.id
        return answer

    async def abort(self, request: S3Request) -> Response:
        """AbortMultipartUpload."""
        await self._uploads.abort(await self.upload(request))
        return Response(status_code=204)

    async def upload(self, request: S3Request) -> Upload:
        """The upload that a request names.

        Raises:
            S3Error: there is none of that id for its key.
        """
        principal = allowed(request.scope, Scope.UPLOAD)
        try:
            return await self._uploads.get(
                principal.project, request.key, request.query.get("uploadId", "")
            )
        except NotFound as error:
            raise S3Error("NoSuchUpload", str(error)) from None

    def offer(
        self, request: S3Request, meta: Mapping[str, str], declared: str, size: int | None
    ) -> Offer:
        """What is known of an object before its bytes.

        Args:
            request: whose it is, and its key.
            meta: what is said of it; ours begin with `OURS`.
            declared: its media type.
            size: its bytes, if they are known.
        """
        principal = allowed(request.scope, Scope.UPLOAD)
        name = _text(meta.get(f"{OURS}name"))
        said = Said(
            filename=name or request.key.rstrip("/").rpartition("/")[2],
            recipe=_text(meta.get(f"{OURS}recipe")),
            uploader=_text(meta.get(f"{OURS}uploader")),
            tags=_text(meta.get(f"{OURS}tags")),
            declared=declared,
            size=size,
        )
        return offer_of(said, self._services, principal)


def _text(value: str | None) -> str | None:
    """A metadata value as its client meant it: RFC 2047 or percent-encoded if not ASCII."""
    if value is None:
        return None
    if value.startswith("=?"):
        return str(make_header(decode_header(value)))
    return unquote(value)
