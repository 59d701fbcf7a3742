"""The S3 front, by Amazon's own client against a real server."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from mediakiln.model.access import Scope
from mediakiln.stages.access.s3 import credentials
from support.s3 import MIB, OWNER_KEY, SESSION, client_of, code_of, keys, read
from support.site import Site, a_text, publish
from unit.web.conftest import OpenSite


@pytest.fixture
async def locked(open_site: OpenSite) -> Site:
    return await open_site(owner_key=OWNER_KEY)


@pytest.fixture
async def s3(locked: Site) -> AsyncIterator[Any]:
    async with client_of(locked, OWNER_KEY) as client:
        yield client


async def test_an_object_that_is_put_is_an_asset_and_comes_back(s3: Any, locked: Site) -> None:
    data = a_text(300_000)
    put = await s3.put_object(
        Bucket="input",
        Key="team a/höhe+1.txt",
        Body=data,
        ContentType="text/plain",
        Metadata={"mediakiln-tags": "a,b", "mediakiln-uploader": "ann"},
    )
    assert put["ETag"].strip('"') == hashlib.md5(data, usedforsecurity=False).hexdigest()
    asset = await locked.services.catalog.get(
        put["ResponseMetadata"]["HTTPHeaders"]["x-mediakiln-asset"]
    )
    assert asset is not None
    assert (asset.name, asset.tags, asset.uploader) == ("höhe+1.txt", ("a", "b"), "ann")
    assert (asset.bytes, asset.project, asset.media_type) == (300_000, "default", "text/plain")
    assert await read(s3, "team a/höhe+1.txt") == data
    assert await read(s3, "team a/höhe+1.txt", Range="bytes=10-19") == data[10:20]
    head = await s3.head_object(Bucket="input", Key="team a/höhe+1.txt")
    assert (head["ContentLength"], head["ETag"]) == (300_000, put["ETag"])
    assert abs(head["LastModified"] - datetime.now(UTC)) < timedelta(minutes=5)


async def test_what_is_not_there_is_told_in_s3s_words(s3: Any) -> None:
    with pytest.raises(ClientError) as caught:
        await s3.get_object(Bucket="input", Key="nix")
    assert code_of(caught) == ("NoSuchKey", 404)
    with pytest.raises(ClientError) as caught:
        await s3.head_object(Bucket="input", Key="nix")
    assert code_of(caught) == ("404", 404)
    with pytest.raises(ClientError) as caught:
        await s3.list_objects_v2(Bucket="other")
    assert code_of(caught) == ("NoSuchBucket", 404)
    with pytest.raises(ClientError) as caught:
        await s3.put_object(Bucket="input", Key="empty.txt", Body=b"")
    assert code_of(caught) == ("empty_file", 422)
    with pytest.raises(ClientError) as caught:
        await s3.put_object(Bucket="production", Key="x/y/z", Body=b"x")
    assert code_of(caught) == ("AccessDenied", 403)


async def test_buckets_are_listed_and_found(s3: Any) -> None:
    listed = await s3.list_buckets()
    assert [bucket["Name"] for bucket in listed["Buckets"]] == ["input", "production"]
    await s3.head_bucket(Bucket="input")
    assert (await s3.get_bucket_location(Bucket="input"))["LocationConstraint"] is None


async def test_lists_are_in_order_paged_and_grouped(s3: Any) -> None:
    names = ["a.txt", "b/1.txt", "b/2.txt", "b/c/3.txt", "b.txt", "d/e.txt", "ü/x.txt"]
    for name in names:
        await s3.put_object(Bucket="input", Key=name, Body=a_text(100))
    ordered = sorted(names)
    for size in (1, 2, 3, 1000):
        paging: Any = {"PaginationConfig": {"PageSize": size}}
        assert await keys(s3, **paging) == (ordered, [])
        assert await keys(s3, Delimiter="/", **paging) == (["a.txt", "b.txt"], ["b/", "d/", "ü/"])
        assert await keys(s3, Prefix="b/", Delimiter="/", **paging) == (
            ["b/1.txt", "b/2.txt"],
            ["b/c/"],
        )
    assert (await keys(s3, StartAfter="b/1.txt"))[0] == ordered[ordered.index("b/1.txt") + 1 :]
    old = s3.get_paginator("list_objects").paginate(
        Bucket="input", Delimiter="/", PaginationConfig={"PageSize": 2}
    )
    found = [page async for page in old]
    assert [item["Key"] for page in found for item in page.get("Contents", ())] == [
        "a.txt",
        "b.txt",
    ]
    groups = [item["Prefix"] for page in found for item in page.get("CommonPrefixes", ())]
    assert groups == ["b/", "d/", "ü/"]


async def test_a_later_object_takes_its_key_and_deleting_takes_the_asset(
    s3: Any, locked: Site
) -> None:
    first = await s3.put_object(Bucket="input", Key="a.txt", Body=a_text(100))
    second = await s3.put_object(Bucket="input", Key="a.txt", Body=a_text(200))
    ids = [each["ResponseMetadata"]["HTTPHeaders"]["x-mediakiln-asset"] for each in (first, second)]
    assert ids[0] != ids[1]
    assert await read(s3, "a.txt") == a_text(200)
    await s3.delete_object(Bucket="input", Key="a.txt")
    await s3.delete_object(Bucket="input", Key="a.txt")
    assert await keys(s3) == ([], [])
    kept = [await locked.services.catalog.get(id) for id in ids]
    assert [asset.state for asset in kept if asset] == ["received", "deleting"]
    for name in ("x.txt", "y.txt"):
        await s3.put_object(Bucket="input", Key=name, Body=a_text(10))
    gone = await s3.delete_objects(
        Bucket="input", Delete={"Objects": [{"Key": "x.txt"}, {"Key": "y.txt"}, {"Key": "z"}]}
    )
    assert len(gone["Deleted"]) == 3
    assert await keys(s3) == ([], [])


@pytest.mark.parametrize(
    ("call", "more"),
    [
        ("put_object_tagging", {"Tagging": {"TagSet": [{"Key": "a", "Value": "b"}]}}),
        ("delete_object_tagging", {}),
        ("put_object_acl", {"ACL": "private"}),
        ("get_object_acl", {}),
        ("put_object_legal_hold", {"LegalHold": {"Status": "ON"}}),
        ("get_object", {"VersionId": "7"}),
        ("delete_object", {"VersionId": "7"}),
    ],
)
async def test_what_is_about_an_object_is_not_the_object(
    s3: Any, call: str, more: dict[str, Any]
) -> None:
    await s3.put_object(Bucket="input", Key="a.txt", Body=a_text(100))
    with pytest.raises(ClientError) as refused:
        await getattr(s3, call)(Bucket="input", Key="a.txt", **more)
    assert code_of(refused) == ("NotImplemented", 501)
    assert await read(s3, "a.txt") == a_text(100)
    await s3.delete_object(Bucket="input", Key="a.txt", VersionId="null")
    assert await keys(s3) == ([], [])


async def test_products_are_read_by_asset_step_and_file(s3: Any, locked: Site) -> None:
    for _ in range(3):
        asset = await locked.world.upload()
        await publish(locked.world, asset.id, "hls", {"a.m3u8": "#EXTM3U", "seg/1.bin": b"1"})
        last = asset.id
    found, _ = await keys(s3, "production", PaginationConfig={"PageSize": 2})
    assert len(found) == 6
    assert found == sorted(found)
    assert f"{last}/hls/seg/1.bin" in found
    assert len((await keys(s3, "production", Delimiter="/"))[1]) == 3
    assert (await keys(s3, "production", Prefix=f"{last}/hls/s"))[0] == [f"{last}/hls/seg/1.bin"]
    assert await read(s3, f"{last}/hls/a.m3u8", "production") == b"#EXTM3U"


async def test_parts_make_an_object_in_any_order_and_again(s3: Any, locked: Site) -> None:
    data = a_text(11 * MIB)
    place = {"Bucket": "input", "Key": "large.txt"}
    upload = (await s3.create_multipart_upload(**place, ContentType="text/plain"))["UploadId"]

    async def send(number: int, body: bytes) -> dict[str, Any]:
        sent = await s3.upload_part(**place, UploadId=upload, PartNumber=number, Body=body)
        return {"PartNumber": number, "ETag": sent["ETag"]}

    await send(2, b"something else")
    cuts = [data[: 5 * MIB], data[5 * MIB : 10 * MIB], data[10 * MIB :]]
    parts = await asyncio.gather(*(send(n + 1, cuts[n]) for n in (2, 0, 1)))
    parts.sort(key=lambda part: int(part["PartNumber"]))
    listed = await s3.list_parts(**place, UploadId=upload)
    assert [part["Size"] for part in listed["Parts"]] == [len(cut) for cut in cuts]
    wrong = [*parts[:2], {"PartNumber": 3, "ETag": '"0"'}]
    with pytest.raises(ClientError) as caught:
        await s3.complete_multipart_upload(
            **place, UploadId=upload, MultipartUpload={"Parts": wrong}
        )
    assert code_of(caught)[0] == "InvalidPart"
    done: dict[str, Any] = {"UploadId": upload, "MultipartUpload": {"Parts": parts}}
    made = await s3.complete_multipart_upload(**place, **done)
    assert made["ETag"].endswith('-3"')
    again = await s3.complete_multipart_upload(**place, **done)
    assert again["ETag"] == made["ETag"]
    assert await read(s3, "large.txt") == data
    assert len((await locked.services.catalog.list("default")).assets) == 1


async def test_an_upload_that_is_aborted_is_gone(s3: Any, locked: Site) -> None:
    place = {"Bucket": "input", "Key": "large.txt"}
    upload = (await s3.create_multipart_upload(**place))["UploadId"]
    await s3.upload_part(**place, UploadId=upload, PartNumber=1, Body=a_text(1000))
    await s3.abort_multipart_upload(**place, UploadId=upload)
    with pytest.raises(ClientError) as caught:
        await s3.upload_part(**place, UploadId=upload, PartNumber=1, Body=a_text(1000))
    assert code_of(caught) == ("NoSuchUpload", 404)
    assert await locked.kept() == 0


async def test_signed_addresses_read_and_write_until_they_end(s3: Any, locked: Site) -> None:
    put = await s3.generate_presigned_url("put_object", Params={"Bucket": "input", "Key": "p.txt"})
    assert (await locked.http.put(put, content=a_text(500))).status_code == 200
    get = await s3.generate_presigned_url("get_object", Params={"Bucket": "input", "Key": "p.txt"})
    assert (await locked.http.get(get)).content == a_text(500)
    other = get.replace("p.txt", "q.txt")
    assert (await locked.http.get(other)).status_code == 403
    assert (await locked.http.delete(get)).status_code == 403


@pytest.mark.parametrize(
    "checksums",
    [
        {"request_checksum_calculation": "when_required"},
        {"request_checksum_calculation": "when_supported"},
        {"s3": {"payload_signing_enabled": True, "addressing_style": "path"}},
    ],
)
async def test_bodies_come_whole_or_in_chunks_with_digests_behind(
    locked: Site, checksums: dict[str, Any]
) -> None:
    id, secret = credentials(OWNER_KEY)
    async with SESSION.create_client(
        "s3",
        endpoint_url=f"{locked.url}/s3",
        region_name="eu-central-1",
        aws_access_key_id=id,
        aws_secret_access_key=secret,
        config=Config(**checksums),
    ) as client:
        for algorithm in (None, "SHA256", "CRC32", "SHA1"):
            more = {} if algorithm is None else {"ChecksumAlgorithm": algorithm}
            await client.put_object(Bucket="input", Key="c.txt", Body=a_text(200_000), **more)
            assert await read(client, "c.txt") == a_text(200_000)


async def test_bytes_that_are_not_those_announced_are_refused(s3: Any, locked: Site) -> None:
    with pytest.raises(ClientError) as caught:
        await s3.put_object(
            Bucket="input", Key="a.txt", Body=a_text(100), ContentMD5="1B2M2Y8AsgTpgAmY7PhCfg=="
        )
    assert code_of(caught) == ("BadDigest", 400)
    assert await locked.kept() == 0


async def test_nobody_enters_without_the_right_signature(locked: Site) -> None:
    assert (await locked.http.get("/s3/input")).status_code == 403
    bearer = {"Authorization": f"Bearer {OWNER_KEY}"}
    assert (await locked.http.get("/s3/input", headers=bearer)).status_code == 403
    async with client_of(locked, "another key") as client:
        with pytest.raises(ClientError) as caught:
            await client.list_buckets()
    assert code_of(caught) == ("SignatureDoesNotMatch", 403)
    async with client_of(locked, f"mk_{'0' * 16}_{'x' * 43}") as client:
        with pytest.raises(ClientError) as caught:
            await client.list_buckets()
    assert code_of(caught) == ("InvalidAccessKeyId", 403)


async def test_a_key_sees_its_project_and_does_what_its_scopes_allow(locked: Site) -> None:
    access = locked.services.access
    await access.projects.create("other", by="owner")
    async with client_of(locked, OWNER_KEY) as owner:
        await owner.put_object(Bucket="input", Key="mine.txt", Body=a_text(100))
    key, text = await access.keys.create("reads", project="other", scopes=[Scope.READ], by="owner")
    async with client_of(locked, text) as client:
        assert await keys(client) == ([], [])
        with pytest.raises(ClientError) as caught:
            await client.put_object(Bucket="input", Key="a.txt", Body=a_text(10))
        assert code_of(caught) == ("AccessDenied", 403)
        await access.keys.revoke(key.id, project=None)
        with pytest.raises(ClientError) as caught:
            await client.list_buckets()
        assert code_of(caught) == ("InvalidAccessKeyId", 403)


async def test_an_old_signature_is_refused(locked: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    async with client_of(locked, OWNER_KEY) as client:
        url = await client.generate_presigned_url(
            "list_objects_v2", Params={"Bucket": "input"}, ExpiresIn=60
        )
    later = datetime.now(UTC) + timedelta(hours=1)

    class Later(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return later.astimezone(tz)

    assert (await locked.http.get(url)).status_code == 200
    monkeypatch.setattr("mediakiln.web.s3.routes.datetime", Later)
    refused = await locked.http.get(url)
    assert refused.status_code == 403
    assert "<Code>AccessDenied</Code>" in refused.text


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<a",
        b"<!DOCTYPE a [<!ENTITY b 'c'>]><CompleteMultipartUpload>&b;</CompleteMultipartUpload>",
        b"<Other/>",
        b"<CompleteMultipartUpload><Part><PartNumber>x</PartNumber></Part></CompleteMultipartUpload>",
    ],
)
async def test_documents_that_cannot_be_read_are_refused(open_site: OpenSite, body: bytes) -> None:
    site = await open_site()
    began = await site.http.post("/s3/input/a.txt?uploads")
    upload = began.text.partition("<UploadId>")[2].partition("<")[0]
    answer: httpx2.Response = await site.http.post(
        f"/s3/input/a.txt?uploadId={upload}", content=body
    )
    assert (answer.status_code, "MalformedXML" in answer.text) == (400, True)
