"""Uploads whose parts come in any order, by S3's own multipart uploads.

The upload's token is the mark of the object to be, which tells it from others under its key, and
S3's upload id.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from mediakiln.adapters.object_store.cloud.options import check_life
from mediakiln.adapters.object_store.cloud.putting import new_mark, written
from mediakiln.adapters.object_store.cloud.s3.client import S3Client, code_of
from mediakiln.adapters.object_store.cloud.s3.streaming import SignedStream
from mediakiln.adapters.object_store.cloud.s3.upload import extras
from mediakiln.adapters.object_store.cloud.shelves import Shelf
from mediakiln.model.errors import (
    EngineError,
    EngineMisconfigured,
    EngineUnavailable,
    InvalidPart,
    NotFound,
)
from mediakiln.ports.multipart import Part, PartRules
from mediakiln.ports.object_store import ObjectInfo

RULES: Final = PartRules(
    min_bytes=5 << 20, max_bytes=5 << 30, max_parts=10_000, max_object_bytes=5 << 40
)
"""S3's limits, from its user guide; compatible stores have them, too."""

NO_UPLOAD = "NoSuchUpload"
_BAD_PARTS = {"InvalidPart", "InvalidPartOrder", "EntityTooSmall"}
_SHORTLY_S = 60.0
_TURNS = 5
_PAUSE_S = 0.2


class S3Parts:
    """One upload of parts."""

    def __init__(self, client: S3Client, shelf: Shelf, key: str, token: str) -> None:
        """Raises: NotFound: the token is not of the form that `begin` gives."""
        self._client = client
        self._shelf = shelf
        self._key = key
        self._mark, dot, id = token.partition(".")
        if not dot or not id:
            raise NotFound("there is no such upload", key=key)
        self.bucket = shelf.name
        self._where: dict[str, Any] = {"Bucket": shelf.name, "Key": key, "UploadId": id}

    async def stream(self, number: int, size: int) -> SignedStream:
        """The request that sends a part of `size` bytes."""
        address = await self.address(number, _SHORTLY_S)
        query = {"partNumber": str(number), "uploadId": str(self._where["UploadId"])}
        credentials = await self._client.credentials()
        url = address.partition("?")[0]
        return SignedStream(url, query, size, credentials, self._client.region)

    async def address(self, number: int, expires_s: float) -> str:
        """Where to PUT a part; its ETag comes in the answer."""
        check_life(expires_s)
        async with self._client.calls(self._shelf.name) as s3:
            address = await s3.generate_presigned_url(
                "upload_part",
                Params={**self._where, "PartNumber": number},
                ExpiresIn=int(expires_s),
            )
        return str(address)

    async def check(self) -> None:
        """Ask whether there is such an upload.

        Raises:
            NotFound: there is none.
        """
        await self._call("list_parts", MaxParts=1)

    async def parts(self) -> list[Part]:
        """The parts that S3 holds, by number."""
        return [part async for part in self._parts()]

    async def complete(self, parts: Sequence[Part]) -> ObjectInfo:
        """Make the object visible; a lost answer is settled by whose mark the object bears."""
        size = RULES.check_all(parts)
        for turn in range(_TURNS):
            try:
                etag = await self._complete(parts)
            except (EngineError, EngineMisconfigured, NotFound) as failure:
                found = await self._shelf.look(self._key)
                if found is not None and found[1] == self._mark:
                    return found[0]
                if not isinstance(failure, EngineUnavailable) or turn == _TURNS - 1:
                    raise
                await asyncio.sleep(_PAUSE_S * 2**turn)
            else:
                return await written(self._shelf, self._key, self._mark, size, etag)
        raise AssertionError

    async def abort(self) -> None:
        """Throw the parts away; parts on their way when it is called are thrown away as well."""
        async with self._client.calls(self._shelf.name) as s3:
            try:
                await s3.abort_multipart_upload(**self._where)
            except s3.exceptions.ClientError as error:
                if code_of(error) not in {NO_UPLOAD, "404"}:
                    raise

    async def _parts(self) -> AsyncIterator[Part]:
        marker = 0
        while True:
            answer = await self._call("list_parts", PartNumberMarker=marker)
            for part in answer.get("Parts", []):
                yield Part(int(part["PartNumber"]), int(part["Size"]), part["ETag"].strip('"'))
            if not answer.get("IsTruncated"):
                return
            marker = int(answer["NextPartNumberMarker"])

    async def _complete(self, parts: Sequence[Part]) -> str:
        named = [{"PartNumber": part.number, "ETag": f'"{part.etag}"'} for part in parts]
        answer = await self._call("complete_multipart_upload", MultipartUpload={"Parts": named})
        return str(answer["ETag"])

    async def _call(self, name: str, **params: Any) -> Any:
        async with self._client.calls(self._shelf.name) as s3:
            try:
                return await getattr(s3, name)(**self._where, **params)
            except s3.exceptions.ClientError as error:
                code = code_of(error)
                if code == NO_UPLOAD:
                    raise NotFound("there is no such upload", key=self._key) from error
                if code in _BAD_PARTS:
                    raise InvalidPart(
                        f"the store does not take these parts: {code}", key=self._key
                    ) from error
                raise


async def begin(client: S3Client, shelf: Shelf, key: str) -> str:
    """Open an upload; its token."""
    mark = new_mark()
    async with client.calls(shelf.name) as s3:
        made = await s3.create_multipart_upload(Bucket=shelf.name, Key=key, **extras(shelf, mark))
    return f"{mark}.{made['UploadId']}"
