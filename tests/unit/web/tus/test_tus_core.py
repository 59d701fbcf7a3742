"""tus 1.0.0, core protocol. A test's docstring is the sentence of the text that it holds us to."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable

import pytest

from support.site import Site, a_text, http_client
from support.tus import STREAM, VERSION, TusClient, described

OpenSite = Callable[..., Awaitable[Site]]
DATA = a_text(5000)


async def test_head_says_the_offset_of_a_new_upload(tus: TusClient) -> None:
    """The Server MUST always include the Upload-Offset header ... even if the offset is 0."""
    answer = await tus.head(await tus.create(len(DATA)))
    assert (answer.status_code, answer.headers["upload-offset"]) == (200, "0")


async def test_head_says_the_offset_of_a_complete_upload(tus: TusClient) -> None:
    """... or the upload is already considered completed."""
    url = await tus.create(len(DATA))
    await tus.patch(url, 0, DATA)
    assert await tus.offset(url) == len(DATA)


async def test_head_says_the_length(tus: TusClient) -> None:
    """If the size of the upload is known, the Server MUST include the Upload-Length header."""
    answer = await tus.head(await tus.create(len(DATA)))
    assert answer.headers["upload-length"] == str(len(DATA))


async def test_head_must_not_be_cached(tus: TusClient) -> None:
    """The Server MUST prevent ... caching ... by adding the Cache-Control: no-store header."""
    answer = await tus.head(await tus.create(len(DATA)))
    assert answer.headers["cache-control"] == "no-store"
    missing = await tus.head("/v1/tus/01a1fe69-60a1-7672-a35e-3d1adb28701f")
    assert missing.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("id", ["01a1fe69-60a1-7672-a35e-3d1adb28701f", "nonsense", "%00", "a/b"])
async def test_what_is_not_there_has_no_offset(tus: TusClient, id: str) -> None:
    """... 404 ... without the Upload-Offset header."""
    answer = await tus.head(f"/v1/tus/{id}")
    assert answer.status_code == 404
    assert "upload-offset" not in answer.headers
    assert (await tus.patch(f"/v1/tus/{id}", 0, b"a")).status_code == 404
    assert (await tus.request("DELETE", f"/v1/tus/{id}")).status_code == 404


async def test_patch_answers_204_and_the_new_offset(tus: TusClient) -> None:
    """The Server MUST acknowledge successful PATCH requests with the 204 ... It MUST include the
    Upload-Offset header containing the new offset ... the sum of the offset before ... and the
    number of bytes received.
    """
    url = await tus.create(len(DATA))
    first = await tus.patch(url, 0, DATA[:1200])
    assert (first.status_code, first.headers["upload-offset"]) == (204, "1200")
    second = await tus.patch(url, 1200, DATA[1200:2000])
    assert (second.status_code, second.headers["upload-offset"]) == (204, "2000")
    assert await tus.offset(url) == 2000


async def test_a_patch_of_no_bytes_changes_nothing(tus: TusClient) -> None:
    url = await tus.create(len(DATA))
    answer = await tus.patch(url, 0, b"")
    assert (answer.status_code, answer.headers["upload-offset"]) == (204, "0")


@pytest.mark.parametrize("offset", [0, 999, 1001, 5000, 10**18])
async def test_another_offset_is_a_conflict_and_changes_nothing(
    tus: TusClient, offset: int
) -> None:
    """If the offsets do not match, the Server MUST respond with the 409 Conflict status without
    modifying the upload resource.
    """
    url = await tus.create(len(DATA))
    await tus.patch(url, 0, DATA[:1000])
    answer = await tus.patch(url, offset, b"x" * 10)
    assert (answer.status_code, answer.json()["code"]) == (409, "offset_mismatch")
    assert await tus.offset(url) == 1000


@pytest.mark.parametrize("offset", ["-1", "1.0", "", "x", "+1", "1e3", "٣", None])
async def test_an_offset_is_a_non_negative_integer(tus: TusClient, offset: str | None) -> None:
    """The [Upload-Offset] value MUST be a non-negative integer."""
    url = await tus.create(len(DATA))
    given = None if offset is None else offset.encode()
    headers = [(b"tus-resumable", b"1.0.0"), (b"content-type", STREAM["Content-Type"].encode())]
    if given is not None:
        headers.append((b"upload-offset", given))
    answer = await tus.http.request("PATCH", url, headers=headers, content=b"abc")
    assert answer.status_code == 400
    assert await tus.offset(url) == 0


@pytest.mark.parametrize("kind", [None, "application/octet-stream", "text/plain", "a"])
async def test_bytes_of_another_content_type_are_refused(tus: TusClient, kind: str | None) -> None:
    """All PATCH requests MUST use Content-Type: application/offset+octet-stream, otherwise ...
    415.
    """
    url = await tus.create(len(DATA))
    answer = await tus.patch(url, 0, DATA, {"Content-Type": kind})
    assert answer.status_code == 415
    assert await tus.offset(url) == 0


async def test_more_bytes_than_the_length_are_refused_before_they_come(tus: TusClient) -> None:
    url = await tus.create(len(DATA))
    await tus.patch(url, 0, DATA[:10])
    answer = await tus.patch(url, 10, DATA)
    assert (answer.status_code, answer.json()["limit"]) == (413, len(DATA))
    assert await tus.offset(url) == 10


async def test_a_body_of_unknown_length_may_not_go_past_the_end(tus: TusClient) -> None:
    url = await tus.create(len(DATA))

    async def chunks() -> AsyncGenerator[bytes, None]:
        yield DATA
        yield b"more"

    answer = await tus.patch(url, 0, chunks())
    assert answer.status_code == 413
    assert await tus.offset(url) == 0


async def test_a_body_of_unknown_length_is_taken(tus: TusClient) -> None:
    url = await tus.create(len(DATA))

    async def chunks() -> AsyncGenerator[bytes, None]:
        for start in range(0, len(DATA), 1000):
            yield DATA[start : start + 1000]
            await asyncio.sleep(0)

    answer = await tus.patch(url, 0, chunks())
    assert (answer.status_code, answer.headers["upload-offset"]) == (204, "5000")


async def test_options_says_what_there_is(tus: TusClient, site: Site) -> None:
    """A successful response ... MUST contain the Tus-Version header."""
    answer = await tus.request("OPTIONS", headers={"Tus-Resumable": None})
    assert answer.status_code == 204
    assert answer.headers["tus-version"] == "1.0.0"
    assert int(answer.headers["tus-max-size"]) == site.services.tus.limits.max_bytes
    assert set(answer.headers["tus-extension"].split(",")) == {
        "creation",
        "creation-with-upload",
        "creation-defer-length",
        "expiration",
        "checksum",
        "termination",
        "concatenation",
    }


@pytest.mark.parametrize("version", [None, "0.2.2", "nonsense"])
async def test_options_ignores_the_version(tus: TusClient, version: str | None) -> None:
    """... the Server MUST ignore the header [Tus-Resumable of an OPTIONS request]."""
    answer = await tus.request("OPTIONS", headers={"Tus-Resumable": version})
    assert answer.status_code == 204


async def test_every_answer_says_the_version(tus: TusClient) -> None:
    """The Tus-Resumable header MUST be included in every request and response except for
    OPTIONS requests.
    """
    url = await tus.create(len(DATA))
    answers = [
        await tus.head(url),
        await tus.patch(url, 0, DATA),
        await tus.patch(url, 3, DATA),
        await tus.patch(url, 0, DATA, {"Content-Type": None}),
        await tus.head("/v1/tus/nonsense"),
        await tus.request("GET", url),
        await tus.post(upload_length="x"),
        await tus.request("DELETE", url),
    ]
    assert {answer.headers.get("tus-resumable") for answer in answers} == {"1.0.0"}
    assert len({answer.status_code for answer in answers}) > 5
    options = await tus.request("OPTIONS")
    assert "tus-resumable" not in options.headers


@pytest.mark.parametrize("version", [None, "0.2.2", "1.0.1", "", "1.0.0, 2.0.0"])
async def test_another_version_is_not_processed(tus: TusClient, version: str | None) -> None:
    """If the version ... is not supported ... it MUST respond with the 412 Precondition Failed
    status and MUST include the Tus-Version header ... the Server MUST NOT process the request.
    """
    url = await tus.create(len(DATA))
    other = {"Tus-Resumable": version}
    for answer in (
        await tus.patch(url, 0, DATA, other),
        await tus.request("DELETE", url, other),
        await tus.request("HEAD", url, other),
        await tus.request("POST", headers={**other, "Upload-Length": "5"}),
    ):
        assert answer.status_code == 412
        assert answer.headers["tus-version"] == "1.0.0"
        assert answer.headers["tus-resumable"] == "1.0.0"
    assert await tus.offset(url) == 0


async def test_the_method_may_be_overridden(tus: TusClient) -> None:
    """The X-HTTP-Method-Override request header MUST be ... interpreted as the request's method
    ... The actual method of the request MUST be ignored.
    """
    url = await tus.create(len(DATA))
    headers = {**VERSION, **STREAM, "Upload-Offset": "0"}
    patched = await tus.http.post(
        url, headers={**headers, "X-HTTP-Method-Override": "PATCH"}, content=DATA[:9]
    )
    assert (patched.status_code, patched.headers["upload-offset"]) == (204, "9")
    asked = await tus.http.post(url, headers={**VERSION, "X-HTTP-Method-Override": "HEAD"})
    assert asked.headers["upload-offset"] == "9"
    ended = await tus.http.get(url, headers={**VERSION, "X-HTTP-Method-Override": "DELETE"})
    assert ended.status_code == 204


async def test_other_methods_are_named_in_the_refusal(tus: TusClient) -> None:
    url = await tus.create(len(DATA))
    answer = await tus.request("GET", url)
    assert (answer.status_code, answer.headers["allow"]) == (405, "HEAD, PATCH, DELETE, OPTIONS")
    answer = await tus.request("PATCH", headers=STREAM)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST, OPTIONS")


async def test_a_complete_upload_is_an_asset_with_exactly_these_bytes(
    site: Site, tus: TusClient
) -> None:
    """(Ours.) The answer to the last bytes names the asset, which has the upload's id."""
    url = await tus.create(
        len(DATA),
        upload_metadata=described(
            filename="a b.txt", filetype="text/plain", uploader="Ann", tags="x, y"
        ),
    )
    await tus.patch(url, 0, DATA[:1])
    answer = await tus.patch(url, 1, DATA[1:])
    asset = (await site.http.get(answer.headers["mediakiln-asset"])).json()
    assert asset["id"] == url.rpartition("/")[2]
    assert (asset["name"], asset["uploader"], asset["tags"]) == ("a b.txt", "Ann", ["x", "y"])
    assert (await site.http.get(asset["url"])).content == DATA
    assert (await tus.head(url)).headers["mediakiln-asset"] == answer.headers["mediakiln-asset"]


async def test_a_complete_upload_takes_no_more(tus: TusClient) -> None:
    url = await tus.create(len(DATA))
    await tus.patch(url, 0, DATA)
    assert (await tus.patch(url, 0, DATA)).status_code == 409
    assert (await tus.patch(url, len(DATA), b"x")).status_code == 413
    again = await tus.patch(url, len(DATA), b"")
    assert (again.status_code, again.headers["upload-offset"]) == (204, str(len(DATA)))


async def test_a_file_that_is_refused_leaves_nothing(site: Site, tus: TusClient) -> None:
    program = b"\x7fELF" + bytes(4000)
    url = await tus.create(len(program), upload_metadata=described(filename="a.bin"))
    answer = await tus.patch(url, 0, program)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    assert (await tus.head(url)).status_code == 415
    assert await site.kept() == 0


async def test_without_a_key_only_options_is_answered(open_site: OpenSite) -> None:
    site: Site = await open_site(owner_key="k" * 40)
    async with http_client(site.server) as http:
        stranger = TusClient(http)
        refused = await stranger.post(upload_length="5")
        assert (refused.status_code, refused.headers["tus-resumable"]) == (401, "1.0.0")
        assert (await stranger.request("OPTIONS")).status_code == 204
    assert (await TusClient(site.http).post(upload_length="5")).status_code == 201
