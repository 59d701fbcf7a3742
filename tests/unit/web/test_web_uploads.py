"""Uploads as a raw body."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from mediakiln.model.errors import IncompleteUpload
from mediakiln.web.bodies import stream_body
from support.site import MAX_UPLOAD, Site, a_text
from support.waiting import eventually

ELF = b"\x7fELF\x02\x01\x01" + bytes(200)
FIELDS = {
    "id", "project", "uploader", "name", "tags", "state", "run", "kind", "media_type", "bytes",
    "checksum", "url", "recipe", "metadata", "products", "steps", "error", "created_at",
    "turnaround_s",
}  # fmt: skip


async def test_an_upload_is_answered_with_its_record_and_its_address(site: Site) -> None:
    answer = await site.http.post(
        "/v1/assets", params={"filename": "a.txt", "tags": "x, y,x", "uploader": "ada"},
        content=a_text(1000),
    )  # fmt: skip
    asset = answer.json()
    assert answer.status_code == 201
    assert set(asset) == FIELDS
    assert answer.headers["location"] == f"{site.url}/v1/assets/{asset['id']}"
    assert asset["url"] == f"{site.url}/v1/assets/{asset['id']}/original"
    assert (asset["state"], asset["run"], asset["bytes"]) == ("received", 1, 1000)
    assert (asset["tags"], asset["uploader"], asset["recipe"]) == (["x", "y"], "ada", {})
    original = await site.http.get(asset["url"])
    assert original.content == a_text(1000)


async def test_a_chunked_upload_needs_no_length(site: Site) -> None:
    data = a_text(1_000_003)

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(data), 7919):
            yield data[start : start + 7919]

    answer = await site.http.post("/v1/assets?filename=a.txt", content=pieces())
    assert answer.status_code == 201
    assert answer.json()["bytes"] == len(data)


@pytest.mark.parametrize(
    ("query", "body", "status", "code"),
    [
        ("", b"hello world", 400, "invalid_request"),
        ("?filename=", b"hello world", 400, "invalid_request"),
        ("?filename=a.txt", b"", 422, "empty_file"),
        ("?filename=a.txt", ELF, 415, "unsupported_media_type"),
        ("?filename=../a.txt", b"hello world", 400, "invalid_name"),
        ("?filename=a%00.txt", b"hello world", 400, "invalid_name"),
        ("?filename=a%0d%0aSet-Cookie:x", b"hello world", 400, "invalid_name"),
        ("?filename=%e2%80%aegpj.exe", b"hello world", 400, "invalid_name"),
        ("?filename=" + "n" * 300, b"hello world", 400, "invalid_name"),
        ("?filename=a.txt&recipe=nix", b"hello world", 422, "unknown_recipe"),
        ("?filename=a.txt&recipe={", b"hello world", 422, "invalid_recipe"),
        ("?filename=a.txt&uploader=" + "u" * 201, b"hello world", 400, "invalid_request"),
        ("?filename=a.txt&tags=" + "t" * 65, b"hello world", 400, "invalid_request"),
        ("?filename=a.txt&tags=" + ",".join(map(str, range(51))), b"hi", 400, "invalid_request"),
        ("?filename=a.txt", a_text(MAX_UPLOAD + 1), 413, "too_large"),
    ],
)
async def test_what_is_refused_says_why_and_leaves_nothing(
    site: Site, query: str, body: bytes, status: int, code: str
) -> None:
    answer = await site.http.post(f"/v1/assets{query}", content=body)
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert problem["type"] == f"/docs#{code}"
    assert problem["detail"]
    assert await site.kept() == 0


async def test_a_bad_recipe_is_refused_naming_step_field_and_what_is_allowed(site: Site) -> None:
    recipe = {"steps": {"small": {"op": "image.resize", "widht": 10}}}
    answer = await site.http.post(
        "/v1/assets", params={"filename": "a.txt", "recipe": json.dumps(recipe)}, content=b"hi"
    )
    problem = answer.json()
    assert problem["code"] == "invalid_recipe"
    assert (problem["step"], problem["field"]) == ("small", "widht")
    assert "width" in problem["allowed"]


@pytest.mark.parametrize("where", ["query", "header"])
async def test_a_recipe_comes_as_json_in_the_address_or_a_header(site: Site, where: str) -> None:
    recipe = {"steps": {"text": {"op": "document.text"}}}
    given: dict[str, Any] = {"params": {"filename": "a.txt"}, "headers": {}}
    if where == "query":
        given["params"]["recipe"] = json.dumps(recipe)
    else:
        given["headers"]["X-Recipe"] = json.dumps(recipe)
    asset = (await site.http.post("/v1/assets", content=a_text(), **given)).json()
    assert asset["recipe"] == recipe
    assert asset["steps"] == [
        {"name": "text", "state": "pending", "seconds": None, "error": None, "srcset": None}
    ]


@pytest.mark.parametrize(
    "name", ['sch"ön\\.txt', "雪だるま☃.txt", "a;b%20c.txt", "tabs are not.txt"]
)
async def test_an_odd_name_comes_back_as_it_was(site: Site, name: str) -> None:
    answer = await site.http.post("/v1/assets", params={"filename": name}, content=a_text())
    assert answer.status_code == 201
    assert answer.json()["name"] == name.rpartition("\\")[2]


async def test_an_announced_giant_is_refused_before_it_is_sent(site: Site) -> None:
    reader, writer = await site.connect()
    writer.write(
        b"POST /v1/assets?filename=a.txt HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Length: 99999999999\r\n"
        b"Expect: 100-continue\r\n\r\n"
    )
    answer = await asyncio.wait_for(reader.read(), 60)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b'"limit":10000000' in answer
    assert b"MEDIAKILN_MAX_UPLOAD_BYTES" in answer
    assert b"100 Continue" not in answer
    writer.close()


async def test_a_client_that_waits_for_leave_gets_it(site: Site) -> None:
    reader, writer = await site.connect()
    writer.write(
        b"POST /v1/assets?filename=a.txt HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Length: 100\r\n"
        b"Expect: 100-continue\r\n\r\n"
    )
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(a_text(100))
    assert (await reader.readline()).startswith(b"HTTP/1.1 201")
    writer.close()


@pytest.mark.parametrize("sent", [10, 70_000, 3_000_000])
async def test_a_client_that_goes_away_leaves_nothing(site: Site, sent: int) -> None:
    _, writer = await site.connect()
    writer.write(
        b"POST /v1/assets?filename=a.txt HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Length: 4000000\r\n\r\n"
    )
    writer.write(a_text(sent))
    await writer.drain()
    await asyncio.sleep(0.05)
    writer.close()

    async def nothing_kept() -> bool:
        return await site.kept() == 0

    await asyncio.sleep(0.1)
    await eventually(nothing_kept)
    assert (await site.http.get("/healthz")).status_code == 200


async def test_the_refusal_of_a_body_on_its_way_still_reaches_the_client(site: Site) -> None:
    reader, writer = await site.connect()
    writer.write(
        b"POST /v1/assets?filename=..%2Fa HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Length: 9000000\r\n\r\n"
    )
    writer.write(a_text(9_000_000))
    answer = await asyncio.wait_for(reader.read(), 60)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"connection: close" in answer
    assert b"invalid_name" in answer
    writer.close()


async def test_a_client_that_falls_asleep_is_given_up() -> None:
    async def receive() -> Any:
        await asyncio.sleep(60)

    with pytest.raises(IncompleteUpload, match="nothing arrived"):
        async for _ in stream_body(receive, idle_s=0.01):
            pass
