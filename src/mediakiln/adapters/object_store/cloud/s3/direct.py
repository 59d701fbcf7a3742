"""Requests that clients send to S3 themselves, and what an object there carries.

Signatures: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html and
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html.
"""

import logging

from mediakiln.adapters.object_store.cloud.options import check_life
from mediakiln.adapters.object_store.cloud.s3.client import S3Client, code_of
from mediakiln.adapters.object_store.cloud.shelves import MARK, Shelf
from mediakiln.ports.direct import Description, SignedForm, SignedPut

log = logging.getLogger(__name__)

MAX_PUT_BYTES = 5 << 30
"""What S3 takes by one request."""
_NO_TAGS = {"AccessDenied", "NotImplemented", "MethodNotAllowed", "NoSuchTagSet"}


async def sign_put(
    client: S3Client, shelf: Shelf, key: str, *, size: int, media_type: str, expires_s: float
) -> SignedPut:
    """A PUT whose length, type and condition are signed with it."""
    check_life(expires_s)
    async with client.calls(shelf.name, key) as s3:
        url = await s3.generate_presigned_url(
            "put_object",
            Params={
                "Bucket": shelf.name,
                "Key": key,
                "ContentLength": size,
                "ContentType": media_type,
                "IfNoneMatch": "*",
            },
            ExpiresIn=int(expires_s),
        )
    return SignedPut(str(url), {"Content-Type": media_type, "If-None-Match": "*"})


async def sign_form(
    client: S3Client, shelf: Shelf, key: str, *, size: int, media_type: str, expires_s: float
) -> SignedForm:
    """A form whose policy names the key, the type and the length."""
    check_life(expires_s)
    async with client.calls(shelf.name, key) as s3:
        made = await s3.generate_presigned_post(
            shelf.name,
            key,
            Fields={"Content-Type": media_type},
            Conditions=[["content-length-range", size, size], {"Content-Type": media_type}],
            ExpiresIn=int(expires_s),
        )
    return SignedForm(str(made["url"]), {str(k): str(v) for k, v in made["fields"].items()})


async def describe(client: S3Client, shelf: Shelf, key: str) -> Description:
    """An object's metadata and tags; tags only where the credentials may read them."""
    async with client.calls(shelf.name, key) as s3:
        head = await s3.head_object(Bucket=shelf.name, Key=key)
        try:
            tagging = await s3.get_object_tagging(Bucket=shelf.name, Key=key)
        except s3.exceptions.ClientError as error:
            if code_of(error) not in _NO_TAGS:
                raise
            log.warning("an object's tags cannot be read: %s", error, extra={"key": key})
            tagging = {"TagSet": []}
    metadata = {str(name).lower(): str(value) for name, value in head["Metadata"].items()}
    ours = metadata.pop(MARK, None) is not None
    return Description(metadata, {tag["Key"]: tag["Value"] for tag in tagging["TagSet"]}, ours)
