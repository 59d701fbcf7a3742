"""Uploads in parts, over HTTP."""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from starlette.datastructures import Headers

from mediakiln.model.errors import InvalidRequest
from mediakiln.model.keys import Bucket
from mediakiln.web.app import create_app
from mediakiln.web.upload.digests import digests_of
from support.site import Site, a_text, http_client, services_of, serving
from support.waiting import eventually

DATA = a_text(2500)
ELF = b"\x7fELF\x02\x01\x01" + bytes(200)


async def opened(site: Site, data: bytes = DATA, **more: Any) -> dict[str, Any]:
    body = {"filename": "a.txt", "size": len(data), "part_size": 1000} | more
    answer = await site.http.post("/v1/uploads", json=body)
    assert answer.status_code == 201, answer.text
    upload: dict[str, Any] = answer.json()
    assert answer.headers["location"] == upload["url"] == f"{site.url}/v1/uploads/{upload['id']}"
    return upload


async def put(site: Site, id: str, number: int, data: bytes, **headers: str) -> httpx2.Response:
    return await site.http.put(f"/v1/uploads/{id}/parts/{number}", content=data, headers=headers)


async def sent(site: Site, data: bytes = DATA, **more: Any) -> str:
    """An upload whose parts are all there."""
    upload = await opened(site, data, **more)
    pieces = [data[start : start + 1000] for start in range(0, len(data), 1000)]
    answers = await asyncio.gather(
        *(put(site, upload["id"], number, piece) for number, piece in enumerate(pieces, 1))
    )
    assert {answer.status_code for answer in answers} == {200}
    return str(upload["id"])


def refusal(answer: httpx2.Response) -> tuple[int, str]:
    assert answer.headers["content-type"].startswith("application/problem+json")
    return answer.status_code, answer.json()["code"]


async def test_a_file_in_parts_becomes_an_asset_once(site: Site) -> None:
    id = await sent(site, uploader="ada", tags=["x", "y"], recipe="document", type="text/plain")
    first = await site.http.post(f"/v1/uploads/{id}/complete")
    again = await site.http.post(f"/v1/uploads/{id}/complete", json={})
    assert (first.status_code, again.status_code) == (201, 200)
    asset = first.json()
    assert asset == again.json()
    assert (asset["id"], asset["bytes"], asset["name"]) == (id, 2500, "a.txt")
    assert (asset["uploader"], asset["tags"], asset["recipe"]["name"]) == (
        "ada", ["x", "y"], "document",
    )  # fmt: skip
    assert first.headers["location"] == f"{site.url}/v1/assets/{id}"
    assert (await site.http.get(asset["url"])).content == DATA
    shown = (await site.http.get(f"/v1/uploads/{id}")).json()
    assert (shown["state"], shown["asset_url"]) == ("done", f"{site.url}/v1/assets/{id}")
    assert shown["bytes_received"] == 2500


async def test_an_upload_tells_how_far_it_is_and_which_parts_there_are(site: Site) -> None:
    upload = await opened(site)
    assert (upload["parts"], upload["part_size"], upload["state"]) == (3, 1000, "open")
    kept = {number: (await put(site, upload["id"], number, DATA[:1000])) for number in (2, 1)}
    shown = (await site.http.get(f"/v1/uploads/{upload['id']}")).json()
    assert (shown["parts_received"], shown["bytes_received"]) == (2, 2000)
    first = (await site.http.get(f"/v1/uploads/{upload['id']}/parts?limit=1")).json()
    rest = (
        await site.http.get(f"/v1/uploads/{upload['id']}/parts?cursor={first['cursor']}")
    ).json()
    assert [*first["parts"], *rest["parts"]] == [kept[1].json(), kept[2].json()]
    assert rest["cursor"] is None
    assert kept[1].headers["etag"] == f'"{kept[1].json()["etag"]}"'


async def test_uploads_in_progress_are_listed_by_pages(site: Site) -> None:
    ids = [(await opened(site))["id"] for _ in range(3)]
    done = await sent(site)
    await site.http.post(f"/v1/uploads/{done}/complete")
    found: list[str] = []
    cursor = None
    while True:
        page = (
            await site.http.get(
                "/v1/uploads", params={"limit": 2} | ({"cursor": cursor} if cursor else {})
            )
        ).json()
        found += [each["id"] for each in page["uploads"]]
        cursor = page["cursor"]
        if cursor is None:
            break
    assert sorted(found) == sorted(ids)


async def test_another_replica_goes_on_with_an_upload(site: Site) -> None:
    upload = await opened(site)
    await put(site, upload["id"], 1, DATA[:1000])
    async with (
        serving(create_app(services_of(site.world))) as server,
        http_client(server) as http,
    ):
        path = f"/v1/uploads/{upload['id']}"
        for number, start in ((2, 1000), (3, 2000)):
            answer = await http.put(f"{path}/parts/{number}", content=DATA[start : start + 1000])
            assert answer.status_code == 200
        here, there = await asyncio.gather(
            site.http.post(f"{path}/complete"), http.post(f"{path}/complete")
        )
    assert sorted([here.status_code, there.status_code]) == [200, 201]
    assert here.json()["id"] == there.json()["id"]


async def test_a_part_is_kept_only_with_the_sum_it_was_announced_with(site: Site) -> None:
    upload = await opened(site)
    data = DATA[:1000]
    sha256, md5 = hashlib.sha256(data).digest(), hashlib.md5(data, usedforsecurity=False).digest()
    b64 = base64.b64encode
    wrong = b64(bytes(32)).decode()
    for headers in ({"Content-Digest": f"sha-256=:{wrong}:"}, {"x-checksum-sha256": "0" * 64}):
        answer = await put(site, upload["id"], 1, data, **headers)
        assert refusal(answer) == (422, "invalid_part")
        assert answer.json()["part"] == 1
    assert (await site.http.get(f"/v1/uploads/{upload['id']}/parts")).json()["parts"] == []
    for headers in (
        {"Content-MD5": b64(md5).decode()},
        {"x-checksum-sha256": b64(sha256).decode()},
        {"Content-Digest": f"sha-256=:{b64(sha256).decode()}:, unixsum=:AAA=:"},
    ):
        assert (await put(site, upload["id"], 1, data, **headers)).status_code == 200
    claimed = {"parts": [{"number": 1, "sha256": "0" * 64}]}
    await put(site, upload["id"], 2, DATA[1000:2000])
    await put(site, upload["id"], 3, DATA[2000:])
    claimed["parts"] += [{"number": 2}, {"number": 3, "size": 500}]
    answer = await site.http.post(f"/v1/uploads/{upload['id']}/complete", json=claimed)
    assert (refusal(answer), answer.json()["part"]) == ((422, "invalid_part"), 1)
    claimed["parts"][0]["sha256"] = sha256.hex()
    answer = await site.http.post(f"/v1/uploads/{upload['id']}/complete", json=claimed)
    assert answer.status_code == 201


@pytest.mark.parametrize(
    "headers",
    [
        {"content-md5": "nonsense"},
        {"content-md5": "AAAA"},
        {"content-digest": "sha-256=nonsense"},
        {"content-digest": "md5=:AAAA:"},
        {"content-digest": ""},
        {"x-checksum-sha256": "z" * 64},
        {"x-checksum-sha256": "12"},
    ],
)
def test_a_sum_that_cannot_be_read_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        digests_of(Headers(headers))
    assert caught.value.context["field"].lower() in headers


async def test_a_missing_part_is_named_at_the_end(site: Site) -> None:
    upload = await opened(site)
    await put(site, upload["id"], 3, DATA[2000:])
    answer = await site.http.post(f"/v1/uploads/{upload['id']}/complete")
    assert refusal(answer) == (422, "invalid_part")
    assert answer.json()["missing"] == [1, 2]


@pytest.mark.parametrize(("number", "size"), [(1, 999), (1, 1001), (3, 1000), (4, 1), (10**8, 1)])
async def test_a_part_of_the_wrong_size_or_place_is_refused_before_its_bytes(
    site: Site, number: int, size: int
) -> None:
    upload = await opened(site)
    reader, writer = await site.connect()
    writer.write(
        f"PUT /v1/uploads/{upload['id']}/parts/{number} HTTP/1.1\r\nHost: localhost\r\n"
        f"Content-Length: {size}\r\nExpect: 100-continue\r\n\r\n".encode()
    )
    answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 422 ")
    assert f'"part":{number}'.encode() in answer


async def test_a_part_without_a_length_is_measured_as_it_comes(site: Site) -> None:
    upload = await opened(site)

    async def pieces(data: bytes) -> AsyncIterator[bytes]:
        for start in range(0, len(data), 100):
            yield data[start : start + 100]

    path = f"/v1/uploads/{upload['id']}/parts/1"
    for wrong in (DATA[:900], DATA[:1100]):
        answer = await site.http.put(path, content=pieces(wrong))
        assert refusal(answer) == (422, "invalid_part")
    assert (await site.http.put(path, content=pieces(DATA[:1000]))).status_code == 200


async def test_a_part_that_breaks_off_is_not_kept_and_can_be_sent_again(site: Site) -> None:
    upload = await opened(site)
    path = f"/v1/uploads/{upload['id']}/parts"
    _, writer = await site.connect()
    head = f"PUT {path}/1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n"
    writer.write(head.encode() + DATA[:500])
    await writer.drain()
    writer.close()

    async def taken() -> bool:
        return (await put(site, upload["id"], 1, DATA[:1000])).status_code == 200

    await eventually(taken)
    listed = (await site.http.get(path)).json()["parts"]
    assert [(part["number"], part["size"]) for part in listed] == [(1, 1000)]


async def test_an_aborted_upload_is_gone_with_its_parts(site: Site) -> None:
    upload = await opened(site)
    await put(site, upload["id"], 1, DATA[:1000])
    assert (await site.http.delete(f"/v1/uploads/{upload['id']}")).status_code == 204
    for method, path in (("GET", ""), ("DELETE", ""), ("PUT", "/parts/1"), ("POST", "/complete")):
        answer = await site.http.request(method, f"/v1/uploads/{upload['id']}{path}")
        assert refusal(answer) == (404, "not_found")
    assert await site.kept() == 0


async def test_what_is_complete_cannot_be_aborted(site: Site) -> None:
    id = await sent(site)
    await site.http.post(f"/v1/uploads/{id}/complete")
    assert refusal(await site.http.delete(f"/v1/uploads/{id}")) == (409, "conflict")
    assert refusal(await put(site, id, 1, DATA[:1000])) == (409, "conflict")


async def test_a_file_of_a_type_that_is_refused_leaves_nothing(site: Site) -> None:
    id = await sent(site, ELF)
    for _ in range(2):
        answer = await site.http.post(f"/v1/uploads/{id}/complete")
        assert refusal(answer) == (415, "unsupported_media_type")
    assert await site.kept() == 0


async def test_an_expired_upload_says_so(site: Site) -> None:
    upload = await opened(site)
    site.world.clock.forward(days=8)
    for method, path in (("GET", ""), ("PUT", "/parts/1"), ("POST", "/complete")):
        answer = await site.http.request(method, f"/v1/uploads/{upload['id']}{path}")
        assert refusal(answer) == (410, "upload_expired")
    assert (await site.http.get("/v1/uploads")).json()["uploads"] == []


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "invalid_request"),
        ({"filename": "a.txt"}, 400, "invalid_request"),
        ({"filename": "a.txt", "size": "many"}, 400, "invalid_request"),
        ({"filename": "a.txt", "size": 0}, 422, "empty_file"),
        ({"filename": "a.txt", "size": -1}, 422, "empty_file"),
        ({"filename": "a.txt", "size": 5 * 10**12 + 1}, 413, "too_large"),
        ({"filename": "../a", "size": 1}, 400, "invalid_name"),
        ({"filename": "a\r\nSet-Cookie: x", "size": 1}, 400, "invalid_name"),
        ({"filename": "a", "size": 1, "recipe": "nix"}, 422, "unknown_recipe"),
        ({"filename": "a", "size": 1, "recipe": {"steps": {}}}, 422, "invalid_recipe"),
        ({"filename": "a", "size": 1, "tags": ["a,b"]}, 400, "invalid_request"),
        ({"filename": "a", "size": 1, "tags": ["x" * 65]}, 400, "invalid_request"),
        ({"filename": "a", "size": 1, "uploader": "x" * 201}, 400, "invalid_request"),
        ({"filename": "a", "size": 10**9, "part_size": 1}, 400, "invalid_request"),
        ({"filename": "a", "size": 1, "part_size": 10**18}, 400, "invalid_request"),
        ({"filename": "a", "size": 1, "type": "a\r\nb"}, 400, "invalid_request"),
        ({"filename": "a", "size": True}, 400, "invalid_request"),
        ({"filename": "a", "size": 1, "shoe": 42}, 400, "invalid_request"),
        ({"filename": "a" * 70_000, "size": 1}, 413, "too_large"),
    ],
)
async def test_an_upload_that_cannot_be_begun_says_why(
    site: Site, body: dict[str, Any], status: int, code: str
) -> None:
    answer = await site.http.post("/v1/uploads", json=body)
    assert refusal(answer) == (status, code)
    assert (await site.http.get("/v1/uploads")).json()["uploads"] == []


@pytest.mark.parametrize(
    "body", [b"[]", b"{", b'{"parts": [{"number": 0}]}', b'{"parts": [{"n": 1}]}', b"[" * 60_000]
)
async def test_a_list_of_parts_that_cannot_be_read_is_refused(site: Site, body: bytes) -> None:
    id = await sent(site)
    answer = await site.http.post(f"/v1/uploads/{id}/complete", content=body)
    assert refusal(answer) == (400, "invalid_request")
    too_much = await site.http.post(f"/v1/uploads/{id}/complete", content=b" " * (5 << 20))
    assert refusal(too_much) == (413, "too_large")
    assert (await site.http.post(f"/v1/uploads/{id}/complete")).status_code == 201


async def test_addresses_for_parts_are_given_where_the_store_has_such(site: Site) -> None:
    upload = await opened(site)
    answer = await site.http.post(f"/v1/uploads/{upload['id']}/parts/1/url")
    assert refusal(answer) == (400, "not_supported")
    refused = await site.http.post("/v1/uploads", json={"filename": "a", "size": 1, "presign": 1})
    assert refusal(refused) == (400, "not_supported")
    assert len((await site.http.get("/v1/uploads")).json()["uploads"]) == 1


async def test_completing_leaves_no_parts_behind(site: Site) -> None:
    id = await sent(site)
    await site.http.post(f"/v1/uploads/{id}/complete")
    keys = [item.key async for item in site.world.store.list(Bucket.INPUT)]
    assert len(keys) == 1
    assert keys[0].endswith(id)
