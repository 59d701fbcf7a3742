"""Files in parts over HTTP on an S3 store: through this service, and past it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from mediakiln.model.keys import Bucket
from mediakiln.roles.engines import open_engines
from support import media
from support.deployments import settings_of, urls_of
from support.platform import Platform, platform

pytestmark = [pytest.mark.engines, pytest.mark.xdist_group("s3"), pytest.mark.timeout(300)]

MIB = 1024 * 1024
PART = 5 * MIB
DATA = media.jpeg(9) + bytes(range(256)) * 4096 * 11
"""A picture in three parts: decoders ignore what stands behind it."""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Platform]:
    """A platform whose objects are on S3."""
    with platform(tmp_path, settings=urls_of("embedded+s3+embedded")) as made:
        yield made


@pytest.fixture
def http(site: Platform) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=site.url, trust_env=False, timeout=60) as client:
        yield client


def opened(http: httpx2.Client, **more: Any) -> dict[str, Any]:
    body = {"filename": "a.jpg", "size": len(DATA), "part_size": PART} | more
    answer = http.post("/v1/uploads", json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def pieces() -> Iterator[tuple[int, bytes]]:
    for number, start in enumerate(range(0, len(DATA), PART), 1):
        yield number, DATA[start : start + PART]


def test_parts_go_straight_to_the_store_and_the_end_is_checked(
    site: Platform, http: httpx2.Client
) -> None:
    upload = opened(http, presign=2)
    assert [each["number"] for each in upload["urls"]] == [1, 2]
    third = http.post(f"/v1/uploads/{upload['id']}/parts/3/url").json()
    addresses = {each["number"]: each["url"] for each in [*upload["urls"], third]}
    assert all(not url.startswith(site.url) for url in addresses.values())
    etags = {}
    for number, piece in pieces():
        sent = piece[:-1] if number == 3 else piece
        answer = httpx2.put(addresses[number], content=sent, trust_env=False, timeout=60)
        assert answer.status_code == 200, answer.text
        etags[number] = answer.headers["etag"]
    path = f"/v1/uploads/{upload['id']}"
    refused = http.post(f"{path}/complete")
    assert (refused.status_code, refused.json()["part"]) == (422, 3)
    *_, (number, piece) = pieces()
    answer = httpx2.put(addresses[number], content=piece, trust_env=False, timeout=60)
    etags[number] = answer.headers["etag"]
    listed = http.get(f"{path}/parts").json()["parts"]
    assert {part["number"]: f'"{part["etag"]}"' for part in listed} == etags
    claims = [{"number": number, "etag": etag} for number, etag in etags.items()]
    done = http.post(f"{path}/complete", json={"parts": claims})
    assert done.status_code == 201, done.text
    assert http.get(done.json()["url"]).content == DATA
    again = http.post(f"{path}/complete")
    assert (again.status_code, again.json()["id"]) == (200, upload["id"])


async def test_parts_through_this_service_are_the_stores_own(
    site: Platform, http: httpx2.Client
) -> None:
    upload = opened(http)
    for number, piece in reversed(list(pieces())):
        answer = http.put(f"/v1/uploads/{upload['id']}/parts/{number}", content=piece)
        assert answer.status_code == 200, answer.text
    engines = open_engines(settings_of(site))
    try:
        assert [item async for item in engines.store.list(Bucket.INPUT)] == []
        done = http.post(f"/v1/uploads/{upload['id']}/complete")
        assert (done.status_code, done.json()["bytes"]) == (201, len(DATA))
        assert len([item async for item in engines.store.list(Bucket.INPUT)]) == 1
    finally:
        await engines.close()


def test_parts_smaller_than_s3_takes_are_refused_at_the_beginning(http: httpx2.Client) -> None:
    body = {"filename": "a.jpg", "size": len(DATA), "part_size": PART - 1}
    answer = http.post("/v1/uploads", json=body)
    assert (answer.status_code, answer.json()["field"]) == (400, "part_size")
    gone = opened(http)["id"]
    assert http.delete(f"/v1/uploads/{gone}").status_code == 204
    assert http.get(f"/v1/uploads/{gone}").status_code == 404
