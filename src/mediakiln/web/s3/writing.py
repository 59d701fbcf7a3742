"""Requests that put objects in, whole or in parts, and delete them."""

from email.header import decode_header, make_header
from urllib.parse import unquote

from starlette.responses import Response

from mediakiln.model.access import Scope
from mediakiln.model.errors import NotFound
from mediakiln.model.upload import Offer, Upload
from mediakiln.stages.uploads.s3.hashing import Hashed
from mediakiln.stages.uploads.s3.stage import S3Uploads
from mediakiln.web.access import allowed, noted
from mediakiln.web.s3.documents import (
    MAX_XML_BYTES,
    Tree,
    document,
    parts,
    read_completion,
    read_deletion,
)
from mediakiln.web.s3.errors import S3Error
from mediakiln.web.s3.request import S3Request
from mediakiln.web.services import Services
from mediakiln.web.upload.intake import Said, offer_of

_ASSET = "x-mediakiln-asset"


class Writing:
    """Answers what changes the input bucket. The other one is written by recipes alone."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._uploads: S3Uploads = services.s3

    async def put(self, request: S3Request) -> Response:
        """PutObject."""
        if "x-amz-copy-source" in request.headers:
            raise S3Error("NotImplemented", "Objects are not copied here; send the file again.")
        body = request.body()
        asset, entry = await self._uploads.put(
            self._offer(request, request.size), request.key, body
        )
        return Response(headers={"ETag": f'"{entry.etag}"', _ASSET: asset.id})

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
        offer = self._offer(request, None)
        upload = await self._uploads.begin(offer, request.key, by=request.principal.id)
        return document(
            "InitiateMultipartUploadResult",
            ("Bucket", request.bucket),
            ("Key", request.key),
            ("UploadId", upload.id),
        )

    async def part(self, request: S3Request) -> Response:
        """UploadPart."""
        number = request.query.get("partNumber", "")
        if not number.isdecimal() or not 1 <= int(number) <= 10_000:  # noqa: PLR2004 - S3's own bound
            raise S3Error("InvalidArgument", "partNumber is 1 to 10000.")
        if "x-amz-copy-source" in request.headers:
            raise S3Error("NotImplemented", "Parts are not copied here; send the bytes.")
        body: Hashed = request.body()
        upload = await self._upload(request)
        sent = await self._uploads.part(upload, int(number), request.size, body)
        return Response(headers={"ETag": f'"{sent.md5}"'})

    async def parts(self, request: S3Request) -> Response:
        """ListParts: all of them, since there are at most 10,000."""
        upload = await self._upload(request)
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
        upload = await self._upload(request)
        named = read_completion(await request.small(MAX_XML_BYTES))
        asset, entry = await self._uploads.complete(upload, named)
        answer = document(
            "CompleteMultipartUploadResult",
            ("Location", f"/{request.bucket}/{request.key}"),
            ("Bucket", request.bucket),
            ("Key", request.key),
            ("ETag", f'"{entry.etag}"'),
        )
        answer.headers[_ASSET] = asset.id
        return answer

    async def abort(self, request: S3Request) -> Response:
        """AbortMultipartUpload."""
        await self._uploads.abort(await self._upload(request))
        return Response(status_code=204)

    async def _upload(self, request: S3Request) -> Upload:
        principal = allowed(request.scope, Scope.UPLOAD)
        try:
            return await self._uploads.get(
                principal.project, request.key, request.query.get("uploadId", "")
            )
        except NotFound as error:
            raise S3Error("NoSuchUpload", str(error)) from None

    def _offer(self, request: S3Request, size: int | None) -> Offer:
        principal = allowed(request.scope, Scope.UPLOAD)
        said = Said(
            filename=_text(request.meta("name")) or request.key.rstrip("/").rpartition("/")[2],
            recipe=_text(request.meta("recipe")),
            uploader=_text(request.meta("uploader")),
            tags=_text(request.meta("tags")),
            declared=request.headers.get("content-type", ""),
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
