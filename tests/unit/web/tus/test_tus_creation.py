"""tus 1.0.0, creation, creation-with-upload and creation-defer-length."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path

import pytest

from mediakiln.stages.uploads.book import UploadBook
from mediakiln.stages.uploads.tus import TusLimits, TusUploads
from support.site import Site, a_text
from support.tus import STREAM, TusClient, described, summed
from support.waiting import eventually
from support.world import NoRunner, World

OpenSite = Callable[..., Awaitable[Site]]
DATA = a_text(3000)


async def test_a_creation_answers_201_and_where(tus: TusClient, site: Site) -> None:
    """The Server MUST acknowledge a successful upload creation with the 201 Created status. The
    Server MUST set the Location header.
    """
    answer = await tus.post(upload_length="100")
    assert answer.status_code == 201
    assert answer.headers["location"].startswith(f"{site.url}/v1/tus/")


async def test_the_address_is_the_public_one(open_site: OpenSite) -> None:
    site: Site = await open_site(public_url="https://media.example/")
    answer = await TusClient(site.http).post(upload_length="100", host=site.url[7:])
    assert answer.headers["location"].startswith("https://media.example/v1/tus/")


async def test_a_trusted_proxy_says_the_address(open_site: OpenSite) -> None:
    site: Site = await open_site(trust_proxy=True)
    answer = await TusClient(site.http).post(
        upload_length="100", x_forwarded_proto="https", x_forwarded_host="up.example"
    )
    assert answer.headers["location"].startswith("https://up.example/v1/tus/")


@pytest.mark.parametrize("length", ["-1", "x", "1.5", "", "99999999999999999999"])
async def test_a_length_is_a_non_negative_integer(tus: TusClient, length: str) -> None:
    """[Upload-Length] MUST be a non-negative integer."""
    assert (await tus.post(upload_length=length)).status_code == 400


async def test_a_length_or_its_deferral_must_be_said(tus: TusClient) -> None:
    """The request MUST include one of the following headers: Upload-Length, Upload-Defer-Length:
    1.
    """
    assert (await tus.post()).status_code == 400
    assert (await tus.post(upload_length="5", upload_defer_length="1")).status_code == 400


@pytest.mark.parametrize("value", ["0", "2", "true", ""])
async def test_a_deferral_is_1(tus: TusClient, value: str) -> None:
    """If the Upload-Defer-Length header contains any other value than 1 the server should return
    a 400 Bad Request status.
    """
    assert (await tus.post(upload_defer_length=value)).status_code == 400


async def test_a_file_above_the_maximum_is_refused(tus: TusClient, site: Site) -> None:
    """If the length of the upload exceeds the maximum ... the Server MUST respond with the 413
    Request Entity Too Large status.
    """
    answer = await tus.post(upload_length=str(site.services.tus.limits.max_bytes + 1))
    assert answer.status_code == 413
    assert answer.json()["limit"] == site.services.tus.limits.max_bytes


async def test_a_file_of_no_bytes_is_refused_at_once(tus: TusClient) -> None:
    answer = await tus.post(upload_length="0")
    assert (answer.status_code, answer.json()["code"]) == (422, "empty_file")


async def test_metadata_comes_back_as_it_was_given(tus: TusClient) -> None:
    """... responses to HEAD requests MUST include the Upload-Metadata header and its value as
    specified by the Client during the creation.
    """
    given = f"{described(filename='ü.txt', x=bytes([0, 255, 10]))},flag,empty"
    url = await tus.create(10, upload_metadata=given)
    assert (await tus.head(url)).headers["upload-metadata"] == given


async def test_an_upload_without_metadata_has_none(tus: TusClient) -> None:
    url = await tus.create(10, upload_metadata=None)
    assert "upload-metadata" not in (await tus.head(url)).headers


@pytest.mark.parametrize(
    "metadata",
    [
        "filename !!!",
        "filename YQ",
        "a YQ==,a YQ==",
        "a YQ==,,b YQ==",
        ",a YQ==",
        "a  YQ==",
        "é YQ==",
    ],
)
async def test_metadata_that_is_not_well_formed_is_refused(tus: TusClient, metadata: str) -> None:
    """The key MUST NOT contain spaces and commas and MUST NOT be empty ... the value MUST be
    Base64 encoded. All keys MUST be unique.
    """
    answer = await tus.http.post(
        "/v1/tus",
        headers=[
            (b"tus-resumable", b"1.0.0"),
            (b"upload-length", b"5"),
            (b"upload-metadata", metadata.encode("latin-1")),
        ],
    )
    assert (answer.status_code, answer.json()["field"]) == (400, "Upload-Metadata")


async def test_a_value_may_be_left_out(tus: TusClient) -> None:
    """The value MAY be empty. In these cases, the space ... MAY be left out."""
    assert (await tus.post(upload_length="5", upload_metadata="is_confidential")).status_code == 201


@pytest.mark.parametrize(
    "name", ["a\r\nSet-Cookie: x=1.txt", "../a.txt", "a\x00.txt", "\u202ea.txt"]
)
async def test_names_that_would_harm_are_refused(tus: TusClient, name: str) -> None:
    answer = await tus.post(upload_length="5", upload_metadata=described(filename=name))
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_name")


@pytest.mark.parametrize(
    ("metadata", "code"),
    [
        ({"recipe": "nothing"}, "unknown_recipe"),
        ({"recipe": "{"}, "invalid_recipe"),
        ({"filename": b"\xff\xfe"}, "invalid_request"),
        ({"tags": "[1]"}, "invalid_request"),
        ({"uploader": "x" * 500}, "invalid_request"),
    ],
)
async def test_what_the_file_cannot_have_is_refused_at_once(
    tus: TusClient, metadata: dict[str, str | bytes], code: str
) -> None:
    answer = await tus.post(upload_length="5", upload_metadata=described(**metadata))
    assert answer.json()["code"] == code


async def test_metadata_and_partial_uploads_have_a_limit(tus: TusClient) -> None:
    answer = await tus.post(upload_length="5", upload_metadata=described(x="y" * 30_000))
    assert (answer.status_code, answer.json()["limit"]) == (400, 32 * 1024)


async def test_bytes_may_come_with_the_creation(tus: TusClient, site: Site) -> None:
    """[creation-with-upload] The Server ... MUST include the Upload-Offset header in the response
    and MUST set its value to the offset of the upload after applying the accepted bytes.
    """
    headers = {**STREAM, "Upload-Length": "3000", "Upload-Metadata": described(filename="a.txt")}
    some = await tus.request("POST", headers=headers, content=DATA[:1000])
    assert (some.status_code, some.headers["upload-offset"]) == (201, "1000")
    ended = await tus.patch(some.headers["location"], 1000, DATA[1000:])
    assert ended.status_code == 204
    whole = await tus.request("POST", headers=headers, content=DATA)
    assert (whole.status_code, whole.headers["upload-offset"]) == (201, "3000")
    asset = (await site.http.get(whole.headers["mediakiln-asset"])).json()
    assert asset["checksum"].startswith("blake3:")
    assert (await site.http.get(asset["url"])).content == DATA


async def test_bytes_with_the_creation_keep_the_rules_of_patch(tus: TusClient, site: Site) -> None:
    """The Client MUST include the Content-Type: application/offset+octet-stream header."""
    length = {"Upload-Length": "3000"}
    wrong = await tus.request("POST", headers=length, content=DATA)
    assert wrong.status_code == 415
    long = await tus.request("POST", headers={**STREAM, **length}, content=DATA + b"x")
    assert long.status_code == 413
    headers = {**STREAM, **length, **summed(b"other")}
    assert (await tus.request("POST", headers=headers, content=DATA)).status_code == 460
    assert await site.kept() == 0
    assert [upload async for upload in UploadBook(site.world.catalog).all()] == []


async def test_a_creation_whose_client_goes_away_leaves_nothing(site: Site) -> None:
    reader, writer = await site.connect()
    writer.write(
        b"POST /v1/tus HTTP/1.1\r\nHost: 127.0.0.1\r\nTus-Resumable: 1.0.0\r\n"
        b"Upload-Length: 3000\r\nContent-Length: 3000\r\n"
        b"Content-Type: application/offset+octet-stream\r\n\r\n" + DATA[:1000]
    )
    await writer.drain()
    book = UploadBook(site.world.catalog)

    async def count() -> int:
        return len([upload async for upload in book.all()])

    async def there() -> bool:
        return await count() == 1

    async def gone() -> bool:
        return await count() == 0

    await eventually(there)
    writer.close()
    await eventually(gone)
    del reader


async def test_a_deferred_length_is_said_by_head_until_it_is_known(tus: TusClient) -> None:
    """As long as the length of the upload is not known, the Server MUST set Upload-Defer-Length: 1
    in all responses to HEAD requests.
    """
    made = await tus.post(upload_defer_length="1", upload_metadata=described(filename="a.txt"))
    url = made.headers["location"]
    await tus.patch(url, 0, DATA[:10])
    asked = await tus.head(url)
    assert asked.headers["upload-defer-length"] == "1"
    assert "upload-length" not in asked.headers
    await tus.patch(url, 10, DATA[10:20], {"Upload-Length": "3000"})
    asked = await tus.head(url)
    assert asked.headers["upload-length"] == "3000"
    assert "upload-defer-length" not in asked.headers
    ended = await tus.patch(url, 20, DATA[20:])
    assert "mediakiln-asset" in ended.headers


async def test_the_length_may_come_with_the_last_bytes_or_after_them(tus: TusClient) -> None:
    for last in (DATA[2000:], b""):
        made = await tus.post(upload_defer_length="1", upload_metadata=described(filename="a.txt"))
        url, first = made.headers["location"], DATA[: 3000 - len(last)]
        assert (await tus.patch(url, 0, first)).status_code == 204
        ended = await tus.patch(url, len(first), last, {"Upload-Length": "3000"})
        assert ended.headers["upload-offset"] == "3000"
        assert "mediakiln-asset" in ended.headers


async def test_a_length_never_changes(tus: TusClient) -> None:
    """Once set the length MUST NOT be changed."""
    url = await tus.create(3000)
    answer = await tus.patch(url, 0, DATA[:10], {"Upload-Length": "2000"})
    assert answer.status_code == 400
    assert (await tus.head(url)).headers["upload-length"] == "3000"
    assert await tus.offset(url) == 0


async def test_a_length_below_the_offset_is_refused(tus: TusClient) -> None:
    made = await tus.post(upload_defer_length="1")
    url = made.headers["location"]
    await tus.patch(url, 0, DATA[:100])
    assert (await tus.patch(url, 100, b"", {"Upload-Length": "99"})).status_code == 400
    assert (await tus.head(url)).headers["upload-defer-length"] == "1"


async def test_a_deferred_upload_stops_at_the_maximum(open_site: OpenSite, tmp_path: Path) -> None:
    world = World(tmp=tmp_path, runner=NoRunner())  # type: ignore[arg-type]
    uploads = TusUploads(
        world.store,
        world.catalog,
        UploadBook(world.catalog),
        world.receive,
        limits=TusLimits(max_bytes=1000),
    )
    site: Site = await open_site(world=world, tus=uploads)
    tus = TusClient(site.http)
    made = await tus.post(upload_defer_length="1")

    async def chunks() -> AsyncGenerator[bytes, None]:
        for start in range(0, 3000, 100):
            yield DATA[start : start + 100]
            await asyncio.sleep(0)

    answer = await tus.patch(made.headers["location"], 0, chunks())
    assert (answer.status_code, answer.json()["limit"]) == (413, 1000)
    answer = await tus.patch(made.headers["location"], 0, DATA)
    assert answer.status_code == 413
