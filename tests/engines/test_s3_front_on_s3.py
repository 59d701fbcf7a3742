"""The S3 front over an S3 store: its parts are the store's own, by Amazon's transfer client."""

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from aiobotocore.session import AioSession
from botocore.config import Config
from botocore.exceptions import ClientError

from support import media
from support.deployments import urls_of
from support.platform import Platform, platform

pytestmark = [pytest.mark.engines, pytest.mark.xdist_group("s3"), pytest.mark.timeout(300)]

MIB = 1024 * 1024
DATA = media.jpeg(9) + bytes(range(256)) * 4096 * 11
"""A picture in three parts: decoders ignore what stands behind it."""
PLACE = {"Bucket": "input", "Key": "holiday/large.jpg"}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Platform]:
    """A platform whose objects are on S3; it lets everybody in."""
    with platform(tmp_path, settings=urls_of("embedded+s3+embedded")) as made:
        yield made


async def test_parts_become_the_stores_own_and_come_back_as_products(site: Platform) -> None:
    async with AioSession().create_client(
        "s3",
        endpoint_url=f"{site.url}/s3",
        region_name="us-east-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    ) as client:
        upload = (await client.create_multipart_upload(**PLACE))["UploadId"]
        parts = []
        for number in (2, 1, 3):
            piece = DATA[(number - 1) * 5 * MIB : number * 5 * MIB]
            sent = await client.upload_part(**PLACE, UploadId=upload, PartNumber=number, Body=piece)
            parts.append({"PartNumber": number, "ETag": sent["ETag"]})
        parts.sort(key=lambda part: int(part["PartNumber"]))
        wrong = [{"PartNumber": 3, "ETag": parts[2]["ETag"]}, parts[0]]
        with pytest.raises(ClientError, match="InvalidPart"):
            await client.complete_multipart_upload(
                **PLACE, UploadId=upload, MultipartUpload={"Parts": wrong}
            )
        done = await client.complete_multipart_upload(
            **PLACE, UploadId=upload, MultipartUpload={"Parts": parts}
        )
        id = done["ResponseMetadata"]["HTTPHeaders"]["x-mediakiln-asset"]
        answer = await client.get_object(**PLACE)
        async with answer["Body"] as body:
            assert await body.read() == DATA
        with httpx2.Client(base_url=site.url, trust_env=False, timeout=90) as http:
            while (state := http.get(f"/v1/assets/{id}?wait=60").json()["state"]) != "ready":
                assert state in {"received", "processing"}
        listed = await client.list_objects_v2(Bucket="production", Prefix=f"{id}/")
        assert listed["KeyCount"] > 0
