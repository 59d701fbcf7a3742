"""Many files in one form: each its own asset, and none hurts another."""

import asyncio
from typing import Any

import pytest

from mediakiln.model.keys import Bucket
from support.site import MAX_UPLOAD, Site, a_text
from support.waiting import eventually

TYPE = "multipart/form-data; boundary=kiln"
ELF = b"\x7fELF\x02\x01\x01" + bytes(200)


def field(name: str, value: str) -> bytes:
    return f'--kiln\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()


def file(name: str, data: bytes | None = None) -> bytes:
    head = f'--kiln\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    return head.encode() + (a_text() if data is None else data) + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--kiln--\r\n"


async def post(site: Site, *parts: bytes) -> tuple[int, Any]:
    answer = await site.http.post(
        "/v1/assets", content=form(*parts), headers={"Content-Type": TYPE}
    )
    return answer.status_code, answer.json()


def told(body: Any) -> tuple[list[str], list[tuple[str | None, str]]]:
    """Names of what was taken, and names and codes of what was not."""
    taken = [asset["name"] for asset in body["assets"]]
    return taken, [(each["name"], each["problem"]["code"]) for each in body["refused"]]


async def test_each_file_of_a_form_becomes_an_asset_of_its_own(site: Site) -> None:
    datas = {f"{size}.txt": a_text(size) for size in (10, 70_000, 300_000, 11)}
    parts = [file(name, data) for name, data in datas.items()]
    status, body = await post(
        site, field("recipe", "document"), parts[0], field("tags", "x"), *parts[1:]
    )
    assert status == 201
    assert told(body) == (list(datas), [])
    for asset in body["assets"]:
        assert (asset["recipe"]["name"], asset["tags"]) == ("document", ["x"])
        assert (await site.http.get(asset["url"])).content == datas[asset["name"]]


async def test_a_bad_file_hurts_no_other(site: Site) -> None:
    status, body = await post(
        site,
        file("bad.txt", ELF),
        file("1.txt"),
        file("empty.txt", b""),
        file("2.txt", a_text(200_000)),
        file("../3.txt"),
        file("elf", ELF + bytes(200_000)),
        file("4.txt"),
    )
    assert status == 201
    taken, refused = told(body)
    assert taken == ["1.txt", "2.txt", "4.txt"]
    assert refused == [
        ("bad.txt", "unsupported_media_type"),
        ("empty.txt", "empty_file"),
        ("../3.txt", "invalid_name"),
        ("elf", "unsupported_media_type"),
    ]
    assert body["refused"][0]["problem"]["status"] == 415
    assert len([item async for item in site.world.store.list(Bucket.INPUT)]) == 3


async def test_a_form_of_which_nothing_is_taken_is_refused_as_a_whole(site: Site) -> None:
    status, body = await post(site, file("a", ELF), file("b", b""))
    assert (status, body["code"]) == (400, "invalid_request")
    assert [each["name"] for each in body["refused"]] == ["a", "b"]
    assert await site.kept() == 0


async def test_one_file_alone_is_answered_as_ever(site: Site) -> None:
    status, body = await post(site, file("a.txt"))
    assert (status, body["name"]) == (201, "a.txt")
    status, body = await post(site, file("a.txt", ELF))
    assert (status, body["code"]) == (415, "unsupported_media_type")
    status, body = await post(site, file("a.txt", ELF + bytes(900_000)), field("shoe", "42"))
    assert (status, body["code"]) == (415, "unsupported_media_type")


async def test_a_field_behind_the_second_file_comes_too_late(site: Site) -> None:
    status, body = await post(
        site, file("1.txt"), file("2.txt"), field("recipe", "document"), file("3.txt")
    )
    assert status == 201
    assert told(body) == (["1.txt", "2.txt"], [(None, "invalid_request")])
    assert body["refused"][0]["problem"]["field"] == "recipe"


async def test_more_files_than_allowed_are_refused_and_those_before_are_kept(
    site: Site,
) -> None:
    most = site.services.max_form_files
    status, body = await post(site, *(file(f"{number}.txt") for number in range(most + 5)))
    assert status == 201
    taken, refused = told(body)
    assert len(taken) == most
    assert refused == [(None, "too_large")]
    assert body["refused"][0]["problem"]["limit"] == most


async def test_thousands_of_fields_are_refused_and_nothing_is_kept(site: Site) -> None:
    for parts in (
        [field("tags", str(number)) for number in range(10_000)],
        [field(f"f{number}", "x") for number in range(10_000)],
        [file("a.txt"), *[field("tags", str(number)) for number in range(10_000)]],
    ):
        status, body = await post(site, *parts, file("b.txt"))
        assert (status, body["code"]) in {(413, "too_large"), (400, "invalid_request")}
        assert await site.kept() == 0


async def test_the_limit_holds_for_all_files_of_a_form_together(site: Site) -> None:
    half = MAX_UPLOAD // 2 + 40_000
    status, body = await post(site, file("1.txt", a_text(half)), file("2.txt", a_text(half)))
    assert status == 201
    assert told(body) == (["1.txt"], [("2.txt", "too_large")])
    assert "/v1/uploads" in body["refused"][0]["problem"]["hint"]


async def test_a_form_that_breaks_off_keeps_the_files_that_were_complete(site: Site) -> None:
    _, writer = await site.connect()
    body = file("1.txt") + file("2.txt") + file("3.txt", a_text(1000))[:-500]
    writer.write(
        b"POST /v1/assets HTTP/1.1\r\nHost: localhost\r\n"
        + f"Content-Type: {TYPE}\r\nContent-Length: {len(body) + 1000}\r\n\r\n".encode()
        + body
    )
    await writer.drain()

    async def two() -> bool:
        return len((await site.world.catalog.list("default")).assets) == 2

    await eventually(two)
    writer.close()
    await asyncio.sleep(0)
    assert await two()


@pytest.mark.parametrize("name", ["a%0d%0aSet-Cookie: x.txt", 'a\\"b.txt', "a;b=c.txt"])
async def test_a_name_that_looks_like_a_header_is_only_a_name(site: Site, name: str) -> None:
    status, body = await post(site, file(name))
    assert status == 201
    answer = await site.http.get(body["url"])
    assert "set-cookie" not in answer.headers
    assert answer.status_code == 200


@pytest.mark.parametrize("name", ["a\x00.txt", "a\x1b[31m.txt", "a\x7f.txt"])
async def test_a_name_with_control_characters_is_refused(site: Site, name: str) -> None:
    status, body = await post(site, file(name))
    assert status == 400
    assert body["code"] in {"invalid_name", "invalid_request"}


async def test_too_large_a_body_names_the_limit_and_the_other_door(site: Site) -> None:
    answer = await site.http.post("/v1/assets?filename=a.txt", content=bytes(MAX_UPLOAD + 1))
    problem = answer.json()
    assert (answer.status_code, problem["limit"]) == (413, MAX_UPLOAD)
    assert "/v1/uploads" in problem["hint"]
    assert "/v1/tus" in problem["hint"]
