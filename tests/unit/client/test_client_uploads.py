"""Uploads in parts by both clients, on a line that fails."""

import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx2
import pytest

from mediakiln.client import ApiError, AsyncClient, Client, SourceChanged
from mediakiln.client.content import CHUNK, source_of
from mediakiln.client.resources.uploads import PART_BYTES
from mediakiln.model.keys import Bucket
from mediakiln.web.app import create_app
from support.clients import KEY, Do, Refusing, doing
from support.proxy import Cut, Proxy
from support.site import Site, a_text, http_client, services_of, serving
from support.waiting import eventually
from support.world import NoRunner, World

MIB = 1024 * 1024
SIZE = 20 * MIB + 7
PARTS = 3


@pytest.fixture
async def world(tmp_path: Path) -> World:
    made = World(tmp=tmp_path / "world", runner=NoRunner())  # type: ignore[arg-type]
    await made.start()
    return made


@pytest.fixture
def line(world: World) -> Refusing:
    """What stands before the server."""
    return Refusing(create_app(services_of(world, owner_key=KEY)))


@pytest.fixture
async def site(world: World, line: Refusing) -> AsyncIterator[Site]:
    """The server behind it."""
    async with serving(line) as server, http_client() as http:
        yield Site(world=world, services=services_of(world), server=server, http=http)


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "film.txt"
    path.write_bytes(a_text(SIZE))
    return path


class Busy:
    """Takes parts, and answers only once four are there, or nothing else comes."""

    def __init__(self) -> None:
        self.now = self.most = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        answer = {"id": "x", "protocol": "multipart", "state": "open", "name": "a", "size": 0}
        answer |= {"part_size": PART_BYTES, "expires_at": "2100-01-01T00:00:00Z"}
        status = 200
        if scope["method"] == "PUT":
            self.now += 1
            self.most = max(self.most, self.now)
            while (await receive()).get("more_body"):
                pass
            await eventually(lambda: self.most >= 4)
            self.now -= 1
            answer = {"number": 1, "size": 0, "etag": "e"}
        elif scope["path"].endswith("/complete"):
            status = 422
        start = {"type": "http.response.start", "status": status, "headers": []}
        await send(start)
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})


async def stored(site: Site, id: str) -> bytes:
    """What the store has of an asset's original."""
    key = (await site.world.asset(id)).source.key
    async with aclosing(site.world.store.stream(Bucket.INPUT, key)) as chunks:  # type: ignore[type-var] # streams are generators
        return b"".join([chunk async for chunk in chunks])


async def test_a_large_file_goes_in_parts_and_arrives_as_it_was(
    do: Do, site: Site, line: Refusing, film: Path
) -> None:
    told: list[tuple[int, int | None]] = []
    asset = await do(
        "submit",
        film,
        recipe={"steps": {"t": {"op": "document.text"}}},
        tags=["a", "b"],
        uploader="Zoë",
        on_progress=lambda sent, size: told.append((sent, size)),
    )
    assert await stored(site, asset.id) == a_text(SIZE)
    assert (asset.name, asset.tags, asset.uploader) == ("film.txt", ("a", "b"), "Zoë")
    assert list(asset.recipe["steps"]) == ["t"]
    assert sum(seen.startswith("PUT") for seen in line.seen) == PARTS
    assert told[-1] == (SIZE, SIZE)
    assert [sent for sent, _ in told] == sorted(sent for sent, _ in told)


async def test_bytes_and_open_files_go_in_parts_as_well(do: Do, site: Site) -> None:
    opened = BytesIO(b"skipped" + a_text(SIZE))
    opened.seek(len(b"skipped"))
    for what in (a_text(SIZE), opened):
        asset = await do("submit", what, name="a.txt")
        assert await stored(site, asset.id) == a_text(SIZE)


async def test_each_part_is_tried_again_by_itself(
    do: Do, site: Site, line: Refusing, film: Path
) -> None:
    line.answers = {"/parts/1": [503, 408], "/parts/3": [429, 425, 423], "/complete": [500]}
    line.headers = [(b"retry-after", b"0")]
    asset = await do("submit", film)
    assert await stored(site, asset.id) == a_text(SIZE)
    assert [line.count(f"/parts/{number}") for number in (1, 2, 3)] == [3, 1, 4]
    assert line.count("/complete") == 2


@pytest.mark.parametrize("kind", [Client, AsyncClient])
async def test_a_line_that_is_cut_inside_a_part_costs_only_that_part(
    kind: type[Client] | type[AsyncClient], site: Site, line: Refusing, film: Path
) -> None:
    async with Proxy(site.server.port) as proxy:
        proxy.fault = cut = Cut(request_after=3 * CHUNK, only=b"/parts/2 ", times=1)
        async with doing(kind, f"http://127.0.0.1:{proxy.port}") as do:
            asset = await do("submit", film)
        assert cut.struck.is_set()
    assert await stored(site, asset.id) == a_text(SIZE)
    assert line.count("/parts/1") == line.count("/parts/3") == 1


async def test_a_download_is_tried_again(do: Do, line: Refusing, tmp_path: Path) -> None:
    asset = await do("submit", a_text(3 * MIB), name="a.txt")
    line.answers = {"/original": [429, 503]}
    into = BytesIO()
    assert await do("download", asset, into) is None
    assert into.getvalue() == a_text(3 * MIB)
    line.answers = {"/original": [500, 404]}
    with pytest.raises(ApiError) as caught:
        await do("download", asset, tmp_path / "a.txt")
    assert caught.value.status == 404
    assert not list(tmp_path.glob("*a.txt*"))


@pytest.mark.parametrize("kind", [Client, AsyncClient])
async def test_a_download_that_is_cut_begins_anew_unless_some_of_it_is_kept(
    kind: type[Client] | type[AsyncClient], site: Site, film: Path, tmp_path: Path
) -> None:
    async with (
        Proxy(site.server.port) as proxy,
        doing(kind, f"http://127.0.0.1:{proxy.port}") as do,
    ):
        asset = await do("submit", film)
        proxy.fault = Cut(answer_after=MIB, only=b"/original", times=1)
        path = await do("download", asset, tmp_path / "back.txt")
        assert path.read_bytes() == a_text(SIZE)
        proxy.fault = Cut(answer_after=MIB, only=b"/original", times=1)
        with pytest.raises(httpx2.TransportError):
            await do("download", asset, into := BytesIO())
    assert a_text(SIZE).startswith(into.getvalue())


async def test_a_lost_answer_to_the_last_request_makes_no_second_asset(
    do: Do, site: Site, film: Path
) -> None:
    async with Proxy(site.server.port) as proxy:
        proxy.fault = Cut(answer_after=10, only=b"/complete ", times=1)
        async with AsyncClient(f"http://127.0.0.1:{proxy.port}", KEY) as client:
            asset = await client.submit(film)
    assert [found.id for found in await do("list")] == [asset.id]


async def test_resuming_sends_only_the_missing_parts(
    do: Do, site: Site, line: Refusing, film: Path
) -> None:
    upload = await do("uploads.create", "film.txt", SIZE)
    assert [found.id for found in await do("uploads.list")] == [upload.id]
    await site.http.put(
        f"{site.url}/v1/uploads/{upload.id}/parts/2",
        content=a_text(SIZE)[8 * MIB : 16 * MIB],
        headers={"Authorization": f"Bearer {KEY}"},
    )
    assert [part.number for part in await do("uploads.parts", upload.id)] == [2]
    told: list[int] = []
    asset = await do(
        "uploads.resume", upload.id, film, on_progress=lambda sent, _: told.append(sent)
    )
    assert asset.id == upload.id
    assert await stored(site, asset.id) == a_text(SIZE)
    assert line.count("/parts/2") == 1
    assert min(told) > 8 * MIB
    assert (await do("uploads.resume", upload.id, film)).id == asset.id


async def test_another_file_does_not_take_up_an_upload(do: Do, film: Path) -> None:
    upload = await do("uploads.create", "film.txt", SIZE + 1)
    with pytest.raises(SourceChanged, match=str(SIZE)):
        await do("uploads.resume", upload.id, film)
    await do("uploads.abort", upload.id)
    with pytest.raises(ApiError) as caught:
        await do("uploads.resume", upload.id, film)
    assert caught.value.status in {404, 410}


async def test_a_file_that_changes_meanwhile_is_not_kept(do: Do, film: Path) -> None:
    with pytest.raises(SourceChanged):
        await do("submit", film, on_progress=lambda *_: film.touch())
    assert await do("uploads.list") == []
    assert await do("list") == []


async def test_a_part_that_is_refused_ends_the_upload_with_that_refusal(
    do: Do, line: Refusing, film: Path
) -> None:
    line.answers = {"/parts/2": [422]}
    line.body = b'{"code": "invalid_part", "detail": "no", "limit": 1, "value": 2, "hint": "h"}'
    with pytest.raises(ApiError) as caught:
        await do("submit", film)
    error = caught.value
    assert (error.code, error.limit, error.value, error.hint) == ("invalid_part", 1, 2, "h")
    assert line.count("/complete") == 0


async def test_a_creating_call_has_one_key_however_often_it_is_sent(do: Do, line: Refusing) -> None:
    line.answers = {"POST /v1/assets": [503, 503]}
    await do("submit", b"text", name="a.txt")
    await do("submit", b"text", name="a.txt", idempotency_key="mine")
    first, *again, mine = line.keys
    assert first
    assert again == [first, first]
    assert mine == "mine"


async def test_an_answer_that_was_too_long_to_be_kept_is_looked_up(do: Do, line: Refusing) -> None:
    made = await do("submit", b"text", name="a.txt")
    line.answers = {"POST /v1/assets": [201]}
    where = f"https://public.example/v1/assets/{made.id}".encode()
    line.headers = [(b"idempotency-replayed", b"true"), (b"location", where)]
    assert await do("submit", b"text", name="a.txt") == made


@pytest.mark.parametrize(
    ("status", "code", "more", "requests"),
    [
        (409, "version_conflict", "", 2),
        (409, "conflict", ', "retry_after": 0.01', 2),
        (409, "conflict", "", 1),
        (429, "quota_exceeded", "", 1),
    ],
)
async def test_what_waiting_does_not_mend_is_not_tried_again(
    do: Do, line: Refusing, status: int, code: str, more: str, requests: int
) -> None:
    line.answers = {"/operations": [status]}
    line.body = f'{{"code": "{code}", "detail": ""{more}}}'.encode()
    if requests == 1:
        with pytest.raises(ApiError) as caught:
            await do("operations")
        assert caught.value.code == code
    else:
        assert await do("operations")
    assert len(line.seen) == requests


@pytest.mark.parametrize("kind", [Client, AsyncClient])
async def test_parts_are_on_their_way_at_once_but_never_more_than_asked_for(
    kind: type[Client] | type[AsyncClient],
) -> None:
    busy = Busy()
    async with serving(busy) as server, doing(kind, f"http://127.0.0.1:{server.port}") as do:
        with pytest.raises(ApiError):  # it completes nothing
            await do("submit", bytes(12 * PART_BYTES), name="a.bin", parallel=4)
    assert busy.most == 4


@pytest.mark.parametrize("what", ["path", "bytes", "open"])
def test_a_source_is_read_in_small_pieces(film: Path, what: str) -> None:
    with film.open("rb") as file:
        given: Any = {"path": film, "bytes": film.read_bytes(), "open": file}[what]
        source = source_of(given, "a.txt")
        pieces = list(source.pieces(5, 5 + 3 * CHUNK))
    assert max(map(len, pieces)) <= CHUNK
    assert b"".join(pieces) == a_text(SIZE)[5 : 5 + 3 * CHUNK]


def test_a_source_that_became_shorter_is_noticed(film: Path) -> None:
    source = source_of(film, None)
    film.write_bytes(b"short")
    with pytest.raises(SourceChanged):
        list(source.pieces(0, SIZE))
