"""What is refused at the door, over HTTP, while good files keep flowing."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest

from mediakiln.model.kind import AssetState
from support import hostile, media
from support.platform import Platform
from support.uploads import code, end, post, refusal, with_recipe
from support.waiting import until

pytestmark = pytest.mark.xdist_group("bad_input")


@pytest.fixture
def site(pestered: Platform) -> Platform:
    return pestered


def test_a_file_without_bytes_is_refused(site: Platform) -> None:
    assert refusal(post(site, b"", "a.jpg")) == (422, "empty_file")


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "a/../b.jpg",
        "nul\0.jpg",
        "gpj\u202efdp.jpg",
        "x" * 296 + ".jpg",
        "a\r\nb",
    ],
)
def test_a_name_that_means_no_good_is_refused(site: Platform, name: str) -> None:
    assert refusal(post(site, media.jpeg(), name)) == (400, "invalid_name")


def test_an_odd_but_honest_name_comes_back_as_it_was(site: Platform) -> None:
    name = 'Ünïcode "quoted"; 日本 %2e%2e.jpg'
    asset = end(site, post(site, media.jpeg(1), name))
    assert (asset.state, asset.name) == (AssetState.READY, name)
    answer = httpx2.get(asset.url, trust_env=False)
    assert "\n" not in answer.headers["content-disposition"]
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("recipe", "field"),
    [
        ({"steps": {"a": {"op": "image.resize", "width": 0}}}, "width"),
        ({"steps": {"a": {"op": "image.resize", "shape": "round"}}}, "shape"),
        ({"steps": {"a": {"op": "image.dissolve"}}}, "op"),
        ({"steps": {"a": {"op": "image.resize", "from": "b"}}}, "from"),
    ],
)
def test_an_invalid_recipe_is_refused_with_step_field_and_what_is_allowed(
    site: Platform, recipe: dict[str, Any], field: str
) -> None:
    response = post(site, media.jpeg(), "a.jpg", params={"recipe": json.dumps(recipe)})
    assert refusal(response) == (422, "invalid_recipe")
    document = response.json()
    assert (document["step"], document["field"]) == ("a", field)
    assert document["allowed"] is not None


@pytest.mark.parametrize(
    "recipe",
    ["{", "{}", '{"steps": {}}', '{"steps": []}', "{" * 5000, '{"steps": ' + "[" * 5000],
)
def test_a_recipe_that_is_none_is_refused(site: Platform, recipe: str) -> None:
    response = with_recipe(site, recipe)
    assert refusal(response) == (422, "invalid_recipe")


def test_a_huge_recipe_is_refused(site: Platform) -> None:
    recipe = json.dumps({"steps": {"a": {"op": "image.resize", "format": "x" * 60_000}}})
    response = with_recipe(site, recipe)
    status, problem = refusal(response)
    assert (status, problem) in {(422, "invalid_recipe"), (413, "too_large")}
    assert response.json()["limit"] > 0


def test_a_file_over_the_limit_is_refused_with_the_limit(site: Platform) -> None:
    response = post(site, media.text() * 20_000, "big.txt")
    assert refusal(response) == (413, "too_large")
    assert response.json()["limit"] == 3_000_000


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("photo.jpg", hostile.elf()),
        ("photo.jpg", hostile.windows_program()),
        ("run.sh", b"#!/bin/sh\nrm -rf /\n"),
        ("photo.jpg", hostile.noise()),
        ("harmless.txt", hostile.EICAR),
    ],
    ids=["elf", "windows", "script", "noise", "eicar"],
)
def test_what_is_no_media_is_refused_or_rejected(site: Platform, name: str, data: bytes) -> None:
    response = post(site, data, name)
    if response.status_code == 201:
        asset = end(site, response)
        assert (asset.state, code(asset)) == (AssetState.REJECTED, "unsupported_media_type")
    else:
        assert refusal(response) == (415, "unsupported_media_type")


def test_uploads_that_break_off_leave_nothing(site: Platform) -> None:
    before = _assets(site)

    async def broken() -> None:
        port = int(site.url.rpartition(":")[2])
        for _ in range(5):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"POST /v1/assets?filename=a.jpg HTTP/1.1\r\nHost: x\r\n")
            writer.write(b"Content-Length: 90000\r\n\r\n" + media.jpeg())
            await writer.drain()
            writer.close()

    asyncio.run(broken())
    time.sleep(1)
    left = _drafts(site)
    assert not {name for name in _assets(site) - before if name != "good.jpg"}
    # Good files have drafts, too, but not for long.
    until(lambda: not left & _drafts(site))


def _drafts(site: Platform) -> set[Path]:
    incoming = (site.data / "store" / ".incoming").rglob("*")
    return {path for path in incoming if path.name != "lock" and path.is_file()}


def _assets(site: Platform) -> set[str]:
    with site.client() as client:
        return {asset.name for asset in client.list()}
