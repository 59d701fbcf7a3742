"""Copies, metadata and clean-up at the S3 front, as aws-cli and rclone ask for them."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from mediakiln.model.access import Scope
from support.s3 import MIB, OWNER_KEY, client_of, code_of, keys, read
from support.site import Site, a_text, publish
from unit.web.conftest import OpenSite

SOURCE = {"Bucket": "input", "Key": "a ü+%.txt"}
DATA = a_text(50_000)
META = {"mtime": "1700000000.5", "mediakiln-tags": "one,two"}


@pytest.fixture
async def site(open_site: OpenSite) -> Site:
    return await open_site(owner_key=OWNER_KEY)


@pytest.fixture
async def s3(site: Site) -> AsyncIterator[Any]:
    async with client_of(site, OWNER_KEY) as client:
        yield client


def asset_of(answer: Any) -> str:
    return str(answer["ResponseMetadata"]["HTTPHeaders"]["x-mediakiln-asset"])


async def test_a_copy_is_an_asset_of_its_own(s3: Any, site: Site) -> None:
    put = await s3.put_object(**SOURCE, Body=DATA, ContentType="text/plain", Metadata=META)
    copied = await s3.copy_object(
        Bucket="input",
        Key="b.txt",
        CopySource=SOURCE,
        CopySourceIfMatch=put["ETag"],
        ChecksumAlgorithm="SHA256",
    )
    assert copied["CopyObjectResult"]["ETag"] == put["ETag"]
    assert copied["CopyObjectResult"]["ChecksumSHA256"]
    asset = await site.world.asset(asset_of(copied))
    assert asset.id != asset_of(put)
    assert (asset.name, asset.tags, asset.media_type) == ("b.txt", ("one", "two"), "text/plain")
    head = await s3.head_object(Bucket="input", Key="b.txt")
    assert head["Metadata"] == META
    await s3.delete_object(**SOURCE)
    assert await read(s3, "b.txt") == DATA


async def test_a_copy_may_be_described_anew(s3: Any, site: Site) -> None:
    await s3.put_object(**SOURCE, Body=DATA, Metadata=META)
    copied = await s3.copy_object(
        Bucket="input",
        Key="b.txt",
        CopySource=SOURCE,
        MetadataDirective="REPLACE",
        Metadata={"mediakiln-name": "c.txt"},
    )
    asset = await site.world.asset(asset_of(copied))
    assert (asset.name, asset.tags) == ("c.txt", ())


async def test_a_product_may_be_put_in_as_an_original(s3: Any, site: Site) -> None:
    asset = await site.world.upload()
    await publish(site.world, asset.id, "web", {"a.txt": "product text"})
    await s3.copy_object(Bucket="input", Key="p.txt", CopySource=f"production/{asset.id}/web/a.txt")
    assert await read(s3, "p.txt") == b"product text"


async def test_copied_onto_itself_an_object_keeps_its_asset_and_gets_its_time(
    s3: Any, site: Site
) -> None:
    put = await s3.put_object(**SOURCE, Body=DATA, Metadata=META)
    with pytest.raises(ClientError) as caught:
        await s3.copy_object(**SOURCE, CopySource=SOURCE)
    assert code_of(caught) == ("InvalidRequest", 400)
    replace: dict[str, Any] = {"CopySource": SOURCE, "MetadataDirective": "REPLACE"}
    later = META | {"mtime": "1800000000"}
    copied = await s3.copy_object(**SOURCE, **replace, Metadata=later)
    assert copied["CopyObjectResult"]["ETag"] == put["ETag"]
    assert (await s3.head_object(**SOURCE))["Metadata"] == later
    assert len((await site.services.catalog.list("default")).assets) == 1
    again = await s3.copy_object(**SOURCE, **replace, Metadata={"mediakiln-tags": "three"})
    assert asset_of(again) != asset_of(put)
    assert (await site.world.asset(asset_of(again))).tags == ("three",)


async def test_parts_are_copied_whole_and_in_ranges(s3: Any) -> None:
    await s3.put_object(**SOURCE, Body=DATA)
    place = {"Bucket": "input", "Key": "b.txt"}
    began = await s3.create_multipart_upload(**place, ChecksumAlgorithm="CRC32C")
    upload = {**place, "UploadId": began["UploadId"]}
    parts = []
    for number, span in ((1, {"CopySourceRange": "bytes=0-9"}), (2, {})):
        sent = await s3.upload_part_copy(**upload, PartNumber=number, CopySource=SOURCE, **span)
        parts.append({"PartNumber": number, "ETag": sent["CopyPartResult"]["ETag"]})
    for wrong in ("bytes=10-9", "bytes=0-50000", "bytes=-5", "lines=1-2"):
        with pytest.raises(ClientError) as caught:
            await s3.upload_part_copy(
                **upload, PartNumber=3, CopySource=SOURCE, CopySourceRange=wrong
            )
        assert code_of(caught) == ("InvalidArgument", 400)
    made = await s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    assert made["ChecksumCRC32C"].endswith("-2")
    assert await read(s3, "b.txt") == DATA[:10] + DATA


REFUSED: list[tuple[dict[str, Any], tuple[str, int]]] = [
    ({"CopySource": "input/nix"}, ("NoSuchKey", 404)),
    ({"CopySource": "other/a"}, ("NoSuchBucket", 404)),
    ({"CopySource": SOURCE | {"VersionId": "3"}}, ("NotImplemented", 501)),
    ({"CopySourceIfMatch": '"0"'}, ("PreconditionFailed", 412)),
    ({"CopySourceIfNoneMatch": "*"}, ("PreconditionFailed", 412)),
    ({"CopySourceIfModifiedSince": "2026-01-01"}, ("NotImplemented", 501)),
    ({"MetadataDirective": "OTHER"}, ("InvalidArgument", 400)),
    ({"MetadataDirective": "REPLACE", "Metadata": {"a": "x" * 3000}}, ("MetadataTooLarge", 400)),
    ({"ChecksumAlgorithm": "XXHASH64"}, ("InvalidArgument", 400)),
    ({"Bucket": "production"}, ("AccessDenied", 403)),
]


async def test_a_copy_that_cannot_be_is_refused(s3: Any, site: Site) -> None:
    await s3.put_object(**SOURCE, Body=DATA)
    for change, code in REFUSED:
        asked = {"Bucket": "input", "Key": "b.txt", "CopySource": SOURCE, **change}
        with pytest.raises(ClientError) as caught:
            await s3.copy_object(**asked)
        assert code_of(caught) == code, change
    assert len((await site.services.catalog.list("default")).assets) == 1


async def test_who_may_not_read_may_not_copy(s3: Any, site: Site) -> None:
    await s3.put_object(**SOURCE, Body=DATA)
    keyring = site.services.access.keys
    _, text = await keyring.create("puts", project="default", scopes=[Scope.UPLOAD], by="owner")
    async with client_of(site, text) as client:
        with pytest.raises(ClientError) as caught:
            await client.copy_object(Bucket="input", Key="b.txt", CopySource=SOURCE)
    assert code_of(caught) == ("AccessDenied", 403)


async def test_uploads_that_nobody_ended_are_listed_page_by_page(s3: Any) -> None:
    began = {}
    for key in ("b/1.txt", "a.txt", "b/2 ü.txt", "b/1.txt"):
        answer = await s3.create_multipart_upload(Bucket="input", Key=key)
        began[answer["UploadId"]] = key
    pages = s3.get_paginator("list_multipart_uploads").paginate(
        Bucket="input", PaginationConfig={"PageSize": 1}
    )
    found = [upload async for page in pages for upload in page.get("Uploads", ())]
    assert [each["Key"] for each in found] == sorted(began.values())
    assert {each["UploadId"]: each["Key"] for each in found} == began
    within = await s3.list_multipart_uploads(Bucket="input", Prefix="b/", MaxUploads=2)
    assert [each["Key"] for each in within["Uploads"]] == ["b/1.txt", "b/1.txt"]
    assert within["IsTruncated"]
    for each in found:
        await s3.abort_multipart_upload(Bucket="input", Key=each["Key"], UploadId=each["UploadId"])
    assert "Uploads" not in await s3.list_multipart_uploads(Bucket="input")
    assert "Uploads" not in await s3.list_multipart_uploads(Bucket="production")


async def test_an_upload_in_parts_keeps_what_was_said_of_it(s3: Any) -> None:
    place = {"Bucket": "input", "Key": "b.txt"}
    began = await s3.create_multipart_upload(**place, Metadata=META)
    upload = {**place, "UploadId": began["UploadId"]}
    sent = await s3.upload_part(**upload, PartNumber=1, Body=a_text(MIB))
    parts = [{"PartNumber": 1, "ETag": sent["ETag"]}]
    for _ in range(2):
        await s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
        assert (await s3.head_object(**place))["Metadata"] == META
    assert (await keys(s3))[0] == ["b.txt"]


async def test_objects_have_no_tags_and_no_lists_of_rights(s3: Any) -> None:
    await s3.put_object(**SOURCE, Body=DATA)
    assert (await s3.get_object_tagging(**SOURCE))["TagSet"] == []
    with pytest.raises(ClientError) as caught:
        await s3.get_object_acl(**SOURCE)
    assert code_of(caught) == ("NotImplemented", 501)
