"""tus 1.0.0, the concatenation extension."""

import pytest

from support.site import Site, a_text
from support.tus import STREAM, TusClient, described

DATA = a_text(3000)


async def parts(tus: TusClient, *cuts: int) -> list[str]:
    """Complete partial uploads of the data, cut at these places."""
    urls, start = [], 0
    for end in (*cuts, len(DATA)):
        url = await tus.create(end - start, upload_concat="partial", upload_metadata=None)
        assert (await tus.patch(url, 0, DATA[start:end])).status_code == 204
        urls.append(url)
        start = end
    return urls


async def test_partial_uploads_become_one_file(tus: TusClient, site: Site) -> None:
    """The partial uploads MUST be concatenated as per the order specified in the list. ... The
    length of the final upload MUST be the sum of the length of all partial uploads.
    """
    first, second, third = await parts(tus, 700, 1900)
    answer = await tus.post(
        upload_concat=f"final;{first} {second} {third}", upload_metadata=described(filename="a.txt")
    )
    assert answer.status_code == 201
    asset = (await site.http.get(answer.headers["mediakiln-asset"])).json()
    assert (asset["name"], asset["bytes"]) == ("a.txt", 3000)
    assert asset["checksum"].startswith("blake3:")
    assert (await site.http.get(asset["url"])).content == DATA


async def test_the_order_is_the_clients_and_a_part_may_come_twice(
    tus: TusClient, site: Site
) -> None:
    """... They MAY however be used multiple times to form a final resource."""
    first, second = await parts(tus, 1000)
    answer = await tus.post(
        upload_concat=f"final;{second} {first} {second}",
        upload_metadata=described(filename="a.txt"),
    )
    asset = (await site.http.get(answer.headers["mediakiln-asset"])).json()
    expected = DATA[1000:] + DATA[:1000] + DATA[1000:]
    assert (await site.http.get(asset["url"])).content == expected
    again = await tus.post(
        upload_concat=f"final;{first}", upload_metadata=described(filename="a.txt")
    )
    assert again.status_code == 201


async def test_partial_uploads_are_no_assets(tus: TusClient, site: Site) -> None:
    """The Server SHOULD NOT process these partial uploads until they are concatenated."""
    (url,) = await parts(tus)
    assert "mediakiln-asset" not in (await tus.head(url)).headers
    page = await site.world.catalog.list("default")
    assert list(page.assets) == []


async def test_head_says_what_was_said_at_the_creation(tus: TusClient) -> None:
    """Response to HEAD request against partial or final upload MUST include the Upload-Concat
    header and its value as received. ... for a partial upload MUST contain the Upload-Offset
    header. The Upload-Length header MUST be included if the length ... can be calculated. After
    successful concatenation, the Upload-Offset and Upload-Length MUST be set and their values MUST
    be equal.
    """
    urls = await parts(tus, 1000)
    partial = (await tus.head(urls[0])).headers
    assert partial["upload-concat"] == "partial"
    assert (partial["upload-offset"], partial["upload-length"]) == ("1000", "1000")
    said = "final;" + " ".join(urls)
    made = await tus.post(upload_concat=said, upload_metadata=described(filename="a.txt"))
    whole = (await tus.head(made.headers["location"])).headers
    assert whole["upload-concat"] == said
    assert (whole["upload-offset"], whole["upload-length"]) == ("3000", "3000")
    assert "upload-metadata" in whole


async def test_a_final_upload_takes_no_bytes(tus: TusClient, site: Site) -> None:
    """The Server MUST respond with the 403 Forbidden status to PATCH requests against a final
    upload URL and MUST NOT modify the final or its partial uploads.
    """
    urls = await parts(tus, 1000)
    made = await tus.post(
        upload_concat="final;" + " ".join(urls), upload_metadata=described(filename="a.txt")
    )
    for offset in (0, 3000):
        assert (await tus.patch(made.headers["location"], offset, b"x")).status_code == 403
    asset = (await site.http.get(made.headers["mediakiln-asset"])).json()
    assert (await site.http.get(asset["url"])).content == DATA
    assert await tus.offset(urls[0]) == 1000


async def test_a_final_upload_has_no_length_and_no_bytes_of_its_own(tus: TusClient) -> None:
    """The Client MUST NOT include the Upload-Length header in the final upload creation."""
    said = "final;" + " ".join(await parts(tus))
    assert (await tus.post(upload_concat=said, upload_length="3000")).status_code == 400
    body = await tus.request(
        "POST", headers={**STREAM, "Upload-Concat": said}, content=b"more bytes"
    )
    assert body.status_code == 400


async def test_an_unfinished_partial_upload_is_refused(tus: TusClient, site: Site) -> None:
    """... unless concatenation-unfinished is announced, which it is not."""
    whole = await parts(tus)
    half = await tus.create(100, upload_concat="partial")
    await tus.patch(half, 0, DATA[:50])
    answer = await tus.post(
        upload_concat=f"final;{whole[0]} {half}", upload_metadata=described(filename="a.txt")
    )
    assert (answer.status_code, answer.json()["field"]) == (400, "Upload-Concat")
    page = await site.world.catalog.list("default")
    assert list(page.assets) == []


@pytest.mark.parametrize(
    "value",
    ["", "final", "final;", "Partial", "partials", "final;/v1/tus", "final;http://[x/v1/tus/1",
     "final;/v1/assets/1", "final;/v1/tus/01a1fe69-60a1-7672-a35e-3d1adb28701f"],
)  # fmt: skip
async def test_other_values_are_refused(tus: TusClient, value: str) -> None:
    """The value MUST be `partial`, or `final` followed by a semicolon and ... URLs."""
    length = {} if value.startswith("final") else {"upload_length": "5"}
    answer = await tus.post(upload_concat=value, **length)
    assert answer.status_code == 400


async def test_a_whole_upload_is_no_partial_one(tus: TusClient) -> None:
    url = await tus.create(3000)
    await tus.patch(url, 0, DATA)
    answer = await tus.post(upload_concat=f"final;{url}")
    assert answer.status_code == 400


async def test_addresses_may_be_relative(tus: TusClient, site: Site) -> None:
    urls = [url.removeprefix(site.url) for url in await parts(tus, 10)]
    answer = await tus.post(
        upload_concat="final;" + " ".join(urls), upload_metadata=described(filename="a.txt")
    )
    assert answer.status_code == 201


async def test_a_file_that_is_refused_is_not_kept(tus: TusClient, site: Site) -> None:
    program = b"\x7fELF" + bytes(2000)
    url = await tus.create(len(program), upload_concat="partial")
    await tus.patch(url, 0, program)
    answer = await tus.post(upload_concat=f"final;{url}", upload_metadata=described(filename="a"))
    assert answer.status_code == 415
    await tus.request("DELETE", url)
    assert await site.kept() == 0


async def test_used_partial_uploads_stay_for_an_hour(tus: TusClient, site: Site) -> None:
    """The Server MAY delete partial uploads after concatenation."""
    urls = await parts(tus, 10)
    await tus.post(
        upload_concat="final;" + " ".join(urls), upload_metadata=described(filename="a.txt")
    )
    assert (await tus.head(urls[0])).status_code == 200
    site.world.clock.forward(hours=1)
    assert (await tus.head(urls[0])).status_code == 410
