"""Addresses that let a client read or write one S3 object for a while."""

from typing import Any, Literal

from mediakiln.adapters.object_store.cloud.disposition import attachment
from mediakiln.adapters.object_store.cloud.options import check_life
from mediakiln.adapters.object_store.cloud.s3.client import S3Client
from mediakiln.adapters.object_store.cloud.shelves import Shelf


async def presign(
    client: S3Client,
    shelf: Shelf,
    key: str,
    *,
    method: Literal["GET", "PUT"],
    expires_s: float,
    filename: str | None,
    media_type: str | None,
) -> str:
    """An address of an object, signed here, without a request.

    Raises:
        InvalidRequest: S3's addresses live for a second to a week.
    """
    check_life(expires_s)
    params: dict[str, Any] = {"Bucket": shelf.name, "Key": key}
    if method == "PUT":
        params |= {"ContentType": media_type} if media_type else {}
    else:
        params |= {"ResponseContentType": media_type} if media_type else {}
        params |= {"ResponseContentDisposition": attachment(filename)} if filename else {}
    async with client.calls(shelf.name, key) as s3:
        address = await s3.generate_presigned_url(
            "put_object" if method == "PUT" else "get_object",
            Params=params,
            ExpiresIn=int(expires_s),
        )
    return str(address)
