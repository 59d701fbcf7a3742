"""Checksums at the S3 front: each algorithm, before and behind bodies, of parts and of wholes."""

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from mediakiln.stages.uploads.s3.checksums import digest_of
from support.s3 import MIB, OWNER_KEY, client_of, code_of, read
from support.site import Site, a_text
from unit.web.conftest import OpenSite

ALGORITHMS = ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256", "SHA512"]
DATA = a_text(200_000)
PLACE = {"Bucket": "input", "Key": "c.txt"}


@pytest.fixture
async def site(open_site: OpenSite) -> Site:
    return await open_site(owner_key=OWNER_KEY)


@pytest.fixture
async def s3(site: Site) -> AsyncIterator[Any]:
    async with client_of(site, OWNER_KEY) as client:
        yield client


def value_of(algorithm: str, data: bytes) -> str:
    digest = digest_of(algorithm.lower())
    digest.update(data)
    return base64.b64encode(digest.digest()).decode()


def member(algorithm: str) -> str:
    """What botocore calls it."""
    return f"Checksum{algorithm}"


async def test_a_checksum_behind_a_body_is_verified_and_comes_back_with_it(s3: Any) -> None:
    for algorithm in ALGORITHMS:
        put = await s3.put_object(**PLACE, Body=DATA, ChecksumAlgorithm=algorithm)
        assert put[member(algorithm)] == value_of(algorithm, DATA)
        assert await read(s3, "c.txt") == DATA  # which botocore verifies, where it can
        head = await s3.head_object(**PLACE, ChecksumMode="ENABLED")
        assert head[member(algorithm)] == value_of(algorithm, DATA)
        assert head["ChecksumType"] == "FULL_OBJECT"


async def test_a_checksum_before_a_body_is_verified(s3: Any, site: Site) -> None:
    upload = {**PLACE, "UploadId": (await s3.create_multipart_upload(**PLACE))["UploadId"]}
    for algorithm in ALGORITHMS:
        wrong = {member(algorithm): value_of(algorithm, b"other")}
        with pytest.raises(ClientError) as caught:
            await s3.put_object(**PLACE, Body=DATA, **wrong)
        assert code_of(caught) == ("BadDigest", 400)
        with pytest.raises(ClientError) as caught:
            await s3.upload_part(**upload, PartNumber=1, Body=DATA, **wrong)
        assert code_of(caught) == ("BadDigest", 400)
    assert "Parts" not in await s3.list_parts(**upload)
    await s3.abort_multipart_upload(**upload)
    assert await site.kept() == 0
    for algorithm in ALGORITHMS:
        await s3.put_object(**PLACE, Body=DATA, **{member(algorithm): value_of(algorithm, DATA)})


async def sent(site: Site, headers: dict[str, str], body: bytes) -> tuple[int, str]:
    """Put it without a signature; the status, and the error's code."""
    answer = await site.http.put("/s3/input/c.txt", content=body, headers=headers)
    return answer.status_code, answer.text.partition("<Code>")[2].partition("</Code>")[0]


async def test_what_cannot_be_verified_is_not_taken_on_trust(open_site: OpenSite) -> None:
    site = await open_site()
    crc, behind = value_of("CRC32", b"hello"), {"x-amz-trailer": "x-amz-checksum-crc32"}
    chunked = {"x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER"}
    chunked |= {"x-amz-decoded-content-length": "5"}
    trailer, other = f"x-amz-checksum-crc32:{crc}\r\n", f"x-amz-checksum-sha1:{crc}\r\n"
    for headers, body, wanted in (
        ({"x-amz-checksum-xxhash64": crc}, "hello", (400, "InvalidArgument")),
        ({"x-amz-checksum-crc32": "%%%"}, "hello", (400, "InvalidRequest")),
        (
            {"x-amz-checksum-crc32": crc, "x-amz-checksum-sha1": crc},
            "hello",
            (400, "InvalidRequest"),
        ),
        ({"x-amz-checksum-md5": crc, "content-md5": "AAAA"}, "hello", (400, "BadDigest")),
        (behind, "hello", (400, "IncompleteBody")),
        (chunked | behind, "5\r\nhello\r\n0\r\n\r\n", (400, "IncompleteBody")),
        (chunked | behind, f"5\r\nhello\r\n0\r\n{other}\r\n", (400, "InvalidRequest")),
        (chunked, f"5\r\nhello\r\n0\r\n{trailer}\r\n", (400, "InvalidRequest")),
        (chunked | behind, f"5\r\nhellO\r\n0\r\n{trailer}\r\n", (400, "BadDigest")),
    ):
        assert await sent(site, headers, body.encode()) == wanted, headers
    assert await site.kept() == 0
    right = f"5\r\nhello\r\n0\r\n{trailer}\r\n".encode()
    assert await sent(site, chunked | behind, right) == (200, "")


CUTS = [DATA[:100_000], DATA[100_000:]]


async def test_an_object_of_parts_has_the_checksum_that_was_chosen(s3: Any) -> None:
    for algorithm in ("CRC32", "CRC32C", "SHA1", "SHA256"):
        await transfer(s3, algorithm, "COMPOSITE")
    for algorithm in ("CRC32", "CRC32C", "CRC64NVME"):
        await transfer(s3, algorithm, "FULL_OBJECT")


async def transfer(s3: Any, algorithm: str, kind: str) -> None:
    """Send an object in parts, first with checksums that are wrong."""
    began = await s3.create_multipart_upload(
        **PLACE, ChecksumAlgorithm=algorithm, ChecksumType=kind
    )
    assert (began["ChecksumAlgorithm"], began["ChecksumType"]) == (algorithm, kind)
    upload = {**PLACE, "UploadId": began["UploadId"]}

    async def send(number: int, cut: bytes) -> dict[str, Any]:
        part = await s3.upload_part(
            **upload, PartNumber=number, Body=cut, ChecksumAlgorithm=algorithm
        )
        name = member(algorithm)
        assert part[name] == value_of(algorithm, cut)
        return {"PartNumber": number, "ETag": part["ETag"], name: part[name]}

    parts = await asyncio.gather(*(send(n + 1, cut) for n, cut in enumerate(CUTS)))
    (listed, _) = (await s3.list_parts(**upload))["Parts"]
    assert listed[member(algorithm)] == value_of(algorithm, CUTS[0])
    swapped = [parts[0], parts[1] | {member(algorithm): parts[0][member(algorithm)]}]
    with pytest.raises(ClientError) as caught:
        await s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": swapped})
    assert code_of(caught)[0] == "InvalidPart"
    joined = b"".join(base64.b64decode(value_of(algorithm, cut)) for cut in CUTS)
    whole = value_of(algorithm, DATA if kind == "FULL_OBJECT" else joined)
    done: dict[str, Any] = {"MultipartUpload": {"Parts": parts}, "ChecksumType": kind}
    with pytest.raises(ClientError) as caught:
        await s3.complete_multipart_upload(
            **upload, **done, **{member(algorithm): value_of(algorithm, b"x")}
        )
    assert code_of(caught) == ("BadDigest", 400)
    with pytest.raises(ClientError):
        await s3.head_object(**PLACE)
    made = await s3.complete_multipart_upload(**upload, **done, **{member(algorithm): whole})
    told = whole if kind == "FULL_OBJECT" else f"{whole}-2"
    assert (made[member(algorithm)], made["ChecksumType"]) == (told, kind)
    head = await s3.head_object(**PLACE, ChecksumMode="ENABLED")
    assert head[member(algorithm)] == told
    assert await read(s3, "c.txt") == DATA
    await s3.delete_object(**PLACE)


async def test_parts_have_the_algorithm_of_their_upload(s3: Any) -> None:
    began = await s3.create_multipart_upload(**PLACE, ChecksumAlgorithm="SHA256")
    upload = {**PLACE, "UploadId": began["UploadId"]}
    with pytest.raises(ClientError) as caught:
        await s3.upload_part(**upload, PartNumber=1, Body=b"x", ChecksumAlgorithm="CRC32C")
    assert code_of(caught) == ("InvalidRequest", 400)


@pytest.mark.parametrize("algorithm", [None, "CRC64NVME"])
async def test_a_transfer_as_tools_make_it_by_default(site: Site, algorithm: str | None) -> None:
    """Parts whose client computes checksums as its settings have it from the start."""
    more = {} if algorithm is None else {"ChecksumAlgorithm": algorithm}
    options: Any = Config(request_checksum_calculation="when_supported")
    async with client_of(site, OWNER_KEY, **options._user_provided_options) as client:
        began = await client.create_multipart_upload(**PLACE, **more)
        upload = {**PLACE, "UploadId": began["UploadId"]}
        sent = await client.upload_part(**upload, PartNumber=1, Body=a_text(MIB), **more)
        part = {"PartNumber": 1, **{k: v for k, v in sent.items() if k.startswith(("E", "Check"))}}
        await client.complete_multipart_upload(**upload, MultipartUpload={"Parts": [part]})
        assert await read(client, "c.txt") == a_text(MIB)
