"""Copies inside S3: whole ones up to 5 GB, by ranges above, conditional at any size."""

from mediakiln.adapters.object_store.cloud.fetching import together
from mediakiln.adapters.object_store.cloud.putting import new_mark, put_whole
from mediakiln.adapters.object_store.cloud.s3.client import S3Client
from mediakiln.adapters.object_store.cloud.s3.upload import S3Upload, SourceChanged, extras
from mediakiln.adapters.object_store.cloud.shelves import Shelf
from mediakiln.model.errors import AlreadyExists, EngineError, ObjectMissing
from mediakiln.ports.object_store import ObjectInfo

WHOLE_BYTES = 5 << 30
"""Largest object that S3 copies by one request."""
_RANGE = 1 << 30
_PARTS = 10_000
_PARALLEL = 4
_TURNS = 5

Place = tuple[Shelf, str]


async def copy(client: S3Client, source: Place, target: Place, *, if_absent: bool) -> ObjectInfo:
    """Copy an object, all of it of one moment.

    S3's whole copies know no condition that every compatible store honours, so a conditional copy
    is a multipart upload of ranges, whose completion does.

    Raises:
        ObjectMissing: there is no source.
        AlreadyExists: `if_absent` and the key is taken.
    """
    for _ in range(_TURNS):
        found = await source[0].look(source[1])
        if found is None:
            raise ObjectMissing(key=source[1])
        info = found[0]
        try:
            if info.size == 0:
                return await put_whole(target[0], target[1], b"", if_absent=if_absent)
            if if_absent or info.size > WHOLE_BYTES:
                return await _copy_parts(client, source, info, target, if_absent=if_absent)
            return await _copy_whole(client, source, info, target)
        except SourceChanged:
            continue
    raise EngineError("The source of a copy is overwritten all the time.", key=source[1])


def ranges(size: int) -> list[tuple[int, int]]:
    """The ranges, each from its first byte up to its end, that together are an object's bytes.

    Each has 1 GiB but the last: more where 10,000 would not do, since S3 takes no more.
    """
    step = max(_RANGE, -(-size // _PARTS))
    return [(start, min(start + step, size)) for start in range(0, size, step)]


async def _copy_whole(
    client: S3Client, source: Place, info: ObjectInfo, target: Place
) -> ObjectInfo:
    shelf, key = target
    async with client.calls(shelf.name, source[1]) as s3:
        try:
            answer = await s3.copy_object(
                Bucket=shelf.name,
                Key=key,
                CopySource={"Bucket": source[0].name, "Key": source[1]},
                CopySourceIfMatch=f'"{info.etag}"',
                MetadataDirective="REPLACE",
                **({"TaggingDirective": "REPLACE"} if shelf.tags else {}),
                **extras(shelf, new_mark()),
            )
        except s3.exceptions.ClientError as error:
            if error.response["Error"]["Code"] == "PreconditionFailed":
                raise SourceChanged from error
            raise
    result = answer["CopyObjectResult"]
    return ObjectInfo(
        key=key,
        size=info.size,
        etag=result["ETag"].strip('"'),
        modified=result["LastModified"].replace(microsecond=0),
        version=answer.get("VersionId"),
    )


async def _copy_parts(
    client: S3Client, source: Place, info: ObjectInfo, target: Place, *, if_absent: bool
) -> ObjectInfo:
    upload = S3Upload(client, *target, if_absent=if_absent)
    if if_absent and await target[0].look(target[1]) is not None:
        raise AlreadyExists(key=target[1])
    await upload.begin()
    place = {"Bucket": source[0].name, "Key": source[1]}
    numbered = iter(enumerate(ranges(info.size), start=1))

    async def work() -> None:
        for number, span in numbered:
            await upload.copied_part(number, place, info.etag, span)

    try:
        await together([work() for _ in range(_PARALLEL)])
        return await upload.complete()
    except BaseException:
        await upload.abort()
        raise
