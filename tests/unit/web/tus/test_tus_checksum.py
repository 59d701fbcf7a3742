"""tus 1.0.0, the checksum extension."""

import zlib
from base64 import b64encode

import pytest
from blake3 import blake3

from support.site import Site, a_text
from support.tus import TusClient, summed

DATA = a_text(3000)


async def test_options_names_the_algorithms(tus: TusClient) -> None:
    """The Tus-Checksum-Algorithm header MUST be included in the response to an OPTIONS request.
    The Server MUST support at least the SHA1 checksum algorithm. The names ... MUST only consist
    of ASCII characters with ... uppercase characters excluded.
    """
    names = (await tus.request("OPTIONS")).headers["tus-checksum-algorithm"].split(",")
    assert {"sha1", "md5", "sha256", "crc32", "blake3"} <= set(names)
    assert all(name.isascii() and name == name.lower() for name in names)


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha512", "md5"])
async def test_bytes_of_the_right_checksum_are_taken(tus: TusClient, algorithm: str) -> None:
    """... 204 No Content if the checksum and the calculated checksum of the chunk match."""
    url = await tus.create(3000)
    first = await tus.patch(url, 0, DATA[:1000], {**summed(DATA[:1000], algorithm)})
    assert (first.status_code, first.headers["upload-offset"]) == (204, "1000")
    second = await tus.patch(url, 1000, DATA[1000:], {**summed(DATA[1000:], algorithm)})
    assert (second.status_code, second.headers["upload-offset"]) == (204, "3000")


async def test_crc32_and_blake3_are_known_as_well(tus: TusClient) -> None:
    sums = {
        "crc32": zlib.crc32(DATA).to_bytes(4, "big"),
        "blake3": blake3(DATA).digest(),
    }
    for name, digest in sums.items():
        url = await tus.create(3000)
        header = {"Upload-Checksum": f"{name} {b64encode(digest).decode()}"}
        assert (await tus.patch(url, 0, DATA, header)).status_code == 204


async def test_bytes_of_another_checksum_are_discarded(tus: TusClient, site: Site) -> None:
    """... 460 Checksum Mismatch ... the uploaded chunk MUST be discarded, and the upload and its
    offset MUST NOT be updated.
    """
    url = await tus.create(3000)
    await tus.patch(url, 0, DATA[:1000])
    answer = await tus.patch(url, 1000, b"x" * 2000, {**summed(DATA[1000:])})
    assert (answer.status_code, answer.json()["code"]) == (460, "checksum_mismatch")
    assert await tus.offset(url) == 1000
    ended = await tus.patch(url, 1000, DATA[1000:], {**summed(DATA[1000:])})
    asset = (await site.http.get(ended.headers["mediakiln-asset"])).json()
    assert (await site.http.get(asset["url"])).content == DATA


async def test_a_wrong_checksum_does_not_set_a_deferred_length(tus: TusClient) -> None:
    url = (await tus.post(upload_defer_length="1")).headers["location"]
    await tus.patch(url, 0, DATA, {"Upload-Length": "3000", **summed(b"other")})
    assert (await tus.head(url)).headers["upload-defer-length"] == "1"


@pytest.mark.parametrize(
    "value", ["sha3 YQ==", "SHA1 YQ==", "sha1", "sha1 !!", "sha1 YQ", "", " ", "sha1,YQ=="]
)
async def test_a_checksum_that_cannot_be_checked_is_refused(tus: TusClient, value: str) -> None:
    """400 Bad Request if the checksum algorithm is not supported by the server."""
    url = await tus.create(3000)
    answer = await tus.patch(url, 0, DATA, {"Upload-Checksum": value.strip()})
    assert answer.status_code in {400, 460}
    assert (answer.status_code == 460) == (value == "sha1")
    assert await tus.offset(url) == 0


async def test_a_request_with_a_checksum_that_breaks_off_counts_for_nothing(
    tus: TusClient, site: Site
) -> None:
    """Once the entire request has been received, the Server MUST verify the uploaded chunk."""
    url = await tus.create(3000)
    reader, writer = await site.connect()
    header = summed(DATA)["Upload-Checksum"]
    writer.write(
        f"PATCH {url.removeprefix(site.url)} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        "Tus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\nContent-Length: 3000\r\n"
        f"Content-Type: application/offset+octet-stream\r\nUpload-Checksum: {header}\r\n"
        "\r\n".encode()
    )
    writer.write(DATA[:2000])
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    del reader
    # It has let go once another may write; what is there then was not kept.
    answer = await tus.patch(url, 0, DATA)
    assert answer.status_code == 204
