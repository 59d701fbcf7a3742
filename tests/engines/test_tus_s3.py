"""tus on an S3 store: parts of the store's own, and tails of what is too little for one."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import pytest

from support.deployments import urls_of
from support.platform import Platform, platform
from support.site import a_text
from support.tus import STREAM, TusClient, described, summed

pytestmark = [pytest.mark.engines, pytest.mark.xdist_group("s3")]

MIB = 1 << 20
DATA = a_text(23 * MIB + 17)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Platform]:
    with platform(tmp_path, settings=urls_of("embedded+s3+embedded") | {"WORKERS": "1"}) as made:
        yield made


@pytest.fixture
async def tus(site: Platform) -> AsyncIterator[TusClient]:
    async with httpx2.AsyncClient(base_url=site.url, timeout=60, trust_env=False) as http:
        yield TusClient(http)


async def content(tus: TusClient, answer: httpx2.Response) -> bytes:
    asset = (await tus.http.get(answer.headers["mediakiln-asset"])).json()
    return (await tus.http.get(asset["url"])).content


@pytest.mark.parametrize("step", [MIB + 1, 5 * MIB, 12 * MIB, 24 * MIB])
async def test_requests_of_any_size_make_the_file(tus: TusClient, step: int) -> None:
    url = await tus.create(len(DATA))
    for start in range(0, len(DATA), step):
        piece = DATA[start : start + step]
        answer = await tus.patch(url, start, piece, summed(piece))
        assert answer.status_code == 204, answer.text
        assert int(answer.headers["upload-offset"]) == start + len(piece)
    assert await content(tus, answer) == DATA


async def test_a_wrong_checksum_changes_nothing(tus: TusClient) -> None:
    url = await tus.create(len(DATA))
    await tus.patch(url, 0, DATA[: 7 * MIB])
    wrong = await tus.patch(url, 7 * MIB, DATA[7 * MIB :], summed(b"another"))
    assert wrong.status_code == 460
    assert await tus.offset(url) == 7 * MIB
    answer = await tus.patch(url, 7 * MIB, DATA[7 * MIB :])
    assert await content(tus, answer) == DATA


async def test_partial_uploads_become_one_file(tus: TusClient) -> None:
    urls = []
    for piece in (DATA[: 11 * MIB], DATA[11 * MIB :]):
        url = await tus.create(len(piece), upload_concat="partial", upload_metadata=None)
        assert (await tus.patch(url, 0, piece)).status_code == 204
        urls.append(url)
    answer = await tus.post(
        upload_concat="final;" + " ".join(urls), upload_metadata=described(filename="a.txt")
    )
    assert answer.status_code == 201, answer.text
    assert await content(tus, answer) == DATA


async def test_a_file_smaller_than_a_part_and_one_with_its_creation(tus: TusClient) -> None:
    small = DATA[:1000]
    url = await tus.create(1000)
    await tus.patch(url, 0, small[:400])
    assert await content(tus, await tus.patch(url, 400, small[400:])) == small
    headers = {**STREAM, "Upload-Length": "1000", "Upload-Metadata": described(filename="a.txt")}
    assert await content(tus, await tus.request("POST", headers=headers, content=small)) == small
