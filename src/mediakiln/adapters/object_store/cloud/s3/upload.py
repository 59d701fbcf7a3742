"""Multipart uploads on S3, whose completion carries the condition that the key is free."""

from typing import Any

from mediakiln.adapters.object_store.cloud.putting import new_mark, settle_or, written
from mediakiln.adapters.object_store.cloud.s3.client import S3Client
from mediakiln.adapters.object_store.cloud.shelves import MARK, Shelf
from mediakiln.model.errors import AlreadyExists, EngineError, EngineMisconfigured
from mediakiln.ports.object_store import ObjectInfo


class SourceChanged(Exception):
    """The source is not the one any more whose copying was begun."""


class S3Upload:
    """One multipart upload, by bytes or by ranges of other objects."""

    parallel = 2

    def __init__(self, client: S3Client, shelf: Shelf, key: str, *, if_absent: bool) -> None:
        self._client = client
        self._shelf = shelf
        self._key = key
        self._if_absent = if_absent
        self._mark = new_mark()
        self._etags: dict[int, str] = {}
        self._size = 0
        self._where: dict[str, Any] = {"Bucket": shelf.name, "Key": key}

    async def begin(self) -> None:
        """Open it. Until this returns there is nothing to abort."""
        async with self._client.calls(self._shelf.name) as s3:
            made = await s3.create_multipart_upload(
                **self._where, **extras(self._shelf, self._mark)
            )
        self._where["UploadId"] = made["UploadId"]

    async def part(self, number: int, data: bytes) -> None:
        """Send one part."""
        async with self._client.calls(self._shelf.name) as s3:
            answer = await s3.upload_part(**self._where, PartNumber=number, Body=data)
        self._etags[number] = answer["ETag"]
        self._size += len(data)

    async def copied_part(
        self, number: int, source: dict[str, str], etag: str, span: tuple[int, int]
    ) -> None:
        """Take a range, from its first byte up to, not including, its end, of another object.

        Raises:
            ObjectMissing: there is no source any more.
            SourceChanged: the source is not the one any more that has this etag.
        """
        async with self._client.calls(self._shelf.name, source["Key"]) as s3:
            try:
                answer = await s3.upload_part_copy(
                    **self._where,
                    PartNumber=number,
                    CopySource=source,
                    CopySourceIfMatch=f'"{etag}"',
                    CopySourceRange=f"bytes={span[0]}-{span[1] - 1}",
                )
            except s3.exceptions.ClientError as error:
                if error.response["Error"]["Code"] == "PreconditionFailed":
                    raise SourceChanged from error
                raise
        self._etags[number] = answer["CopyPartResult"]["ETag"]
        self._size += span[1] - span[0]

    async def complete(self) -> ObjectInfo:
        """Make the object visible; a lost answer is settled by whose mark the object bears."""
        parts = [{"PartNumber": n, "ETag": etag} for n, etag in sorted(self._etags.items())]
        condition = {"IfNoneMatch": "*"} if self._if_absent else {}
        try:
            async with self._client.calls(self._shelf.name) as s3:
                answer = await s3.complete_multipart_upload(
                    **self._where, MultipartUpload={"Parts": parts}, **condition
                )
        except (AlreadyExists, EngineError, EngineMisconfigured) as failure:
            return await settle_or(
                failure, self._shelf, self._key, self._mark, if_absent=self._if_absent
            )
        return await written(self._shelf, self._key, self._mark, self._size, answer["ETag"])

    async def abort(self) -> None:
        """Throw the parts away."""
        async with self._client.calls(self._shelf.name) as s3:
            await s3.abort_multipart_upload(**self._where)


def extras(shelf: Shelf, mark: str) -> dict[str, Any]:
    """What a new object is given besides its bytes."""
    given: dict[str, Any] = {"Metadata": {MARK: mark}}
    if shelf.storage_class:
        given["StorageClass"] = shelf.storage_class
    if shelf.tags:
        given["Tagging"] = "&".join(f"{name}={value}" for name, value in shelf.tags.items())
    return given
