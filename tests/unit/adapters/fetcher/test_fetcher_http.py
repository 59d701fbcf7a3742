"""What is fetched from strangers' addresses, and all that is not."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from mediakiln.adapters.addresses import resolve
from mediakiln.adapters.fetcher.http import MAX_REDIRECTS, HttpFetcher, Pace
from mediakiln.adapters.fetcher.urls import filename, parse
from mediakiln.model.errors import FetchFailed, FetchRefused, TooLarge
from support.origin import (
    Origin,
    drips,
    drips_headers,
    endless,
    endless_headers,
    redirects,
    resets,
    says,
    serving_files,
    silent,
)

QUICK = Pace(connect_s=5, answer_s=1.0, total_s=30, window_s=0.5, min_rate=10_000)
LIMIT = 1_000_000
TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts nobody, and so is made at once."""


@pytest.fixture
async def origin() -> AsyncIterator[Origin]:
    async with serving_files() as origin:
        origin.files["/a.txt"] = b"hello"
        yield origin


@asynccontextmanager
async def fetching(origin: Origin, **options: object) -> AsyncIterator[HttpFetcher]:
    """A fetcher that may go to the origin; the open internet is nowhere."""
    given = {"ports": {origin.port}, "allow_private": True, "pace": QUICK, "tls": TLS} | options
    fetcher = HttpFetcher(**given)  # type: ignore[arg-type]
    try:
        yield fetcher
    finally:
        await fetcher.close()


async def fetched(fetcher: HttpFetcher, url: str, limit: int = LIMIT) -> bytes:
    async with fetcher.open(url, max_bytes=limit) as file:
        return b"".join([chunk async for chunk in file.chunks])


async def test_a_file_comes_with_its_name_size_and_type(origin: Origin) -> None:
    origin.ways["/x"] = says(
        "HTTP/1.1 200 OK\nContent-Type: image/png; q=1\nContent-Length: 3\n"
        "Content-Disposition: attachment; filename*=UTF-8''na%C3%AFve.png",
        b"png",
    )
    async with (
        fetching(origin) as fetcher,
        fetcher.open(origin.url("/x?token=1#part"), max_bytes=LIMIT) as file,
    ):
        assert (file.name, file.size, file.declared_type) == ("naïve.png", 3, "image/png")
        assert [chunk async for chunk in file.chunks] == [b"png"]


async def test_nothing_of_ours_is_sent_along(origin: Origin) -> None:
    origin.ways["/cookie"] = says(
        "HTTP/1.1 302 Found\nLocation: /a.txt\nSet-Cookie: a=b\nContent-Length: 0"
    )
    async with fetching(origin) as fetcher:
        assert await fetched(fetcher, origin.url("/cookie")) == b"hello"
    names = {
        line.partition(":")[0].lower()
        for head in origin.headers
        for line in head.split("\r\n")[1:]
        if line
    }
    assert names <= {"host", "accept", "accept-encoding", "user-agent", "connection"}
    assert all("accept-encoding: identity" in head.lower() for head in origin.headers)


# Hosts that are nobody's, however they are spelt: each leads inside, or to nowhere at all.
HOSTILE = [
    "http://127.0.0.1/", "http://127.1/", "http://127.0.1/", "http://0/", "http://0.0.0.0/",
    "http://2130706433/", "http://0x7f000001/", "http://0x7f.0.0.1/", "http://0x7f.1/",
    "http://017700000001/", "http://0177.0.0.1/", "http://127.0.0.1./", "http://localhost/",
    "http://localhost./", "http://LOCALHOST/", "https://127.0.0.1/", "http://[::1]/",
    "http://[::]/", "http://[0:0:0:0:0:0:0:1]/", "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/", "http://[::ffff:169.254.169.254]/", "http://[::127.0.0.1]/",
    "http://[64:ff9b::7f00:1]/", "http://[64:ff9b::a9fe:a9fe]/", "http://[2002:7f00:1::]/",
    "http://[2001:0:7f00:1::]/", "http://[fe80::1]/", "http://[fe80::1%25eth0]/",
    "http://[fe80::1%eth0]/", "http://[fc00::1]/", "http://[fd00:ec2::254]/",
    "http://[ff02::1]/", "http://10.0.0.1/", "http://10.1/", "http://172.16.0.1/",
    "http://172.31.255.255/", "http://192.168.0.1/", "http://192.168.1/", "http://169.254.169.254/",
    "http://169.254.169.254./latest/meta-data/", "http://2852039166/", "http://0xa9fea9fe/",
    "http://0251.0376.0251.0376/", "http://100.64.0.1/", "http://100.127.255.254/",
    "http://168.63.129.16/", "http://192.0.0.8/", "http://198.18.0.1/", "http://224.0.0.1/",
    "http://240.0.0.1/", "http://255.255.255.255/", "http://127。0。0。1/", "http://\uff11\uff12\uff17.0.0.1/",
    "http://ⓛocalhost/", "http://127.0.0.1%00.example.com/", "http://%31%32%37.0.0.1/",
    "http://127.0.0.1\\@example.com/", "http://example.com@127.0.0.1/", "http://me:pw@8.8.8.8/",
    "http://@8.8.8.8/", "http://8.8.8.8:22/", "http://8.8.8.8:0/", "http://8.8.8.8:99999/",
    "http://8.8.8.8:6379/", "http://a..b/", "http://-/", "http://", "http:///a", "http:/a",
    "//8.8.8.8/", "ftp://8.8.8.8/", "file:///etc/passwd", "gopher://8.8.8.8/", "data:,x",
    "javascript:1", "http://8.8.8.8/a b", "http://8.8.8.8/\r\nHost: x", " http://8.8.8.8/",
    "http://8.8.8.8\t/", "http://[::1", "http://[zz]/", "http://" + "a" * 300 + "/",
    "http://8.8.8.8/" + "a" * 5000, "",
]  # fmt: skip


@pytest.mark.parametrize("url", HOSTILE, ids=[ascii(url)[:60] for url in HOSTILE])
async def test_hostile_addresses_are_refused_before_anything_is_connected(url: str) -> None:
    asked: list[str] = []

    async def recorded(host: str, port: int) -> list[str]:
        # Names belong to this test: the machine's own resolver reads numbers only.
        if host.strip(".").lower() == "localhost":
            return ["127.0.0.1"]
        found = await resolve(host, port)
        asked.extend(found)
        return found

    fetcher = HttpFetcher(resolver=recorded, tls=TLS)
    with pytest.raises(FetchRefused):
        await fetched(fetcher, url)
    await fetcher.close()


async def test_a_host_with_one_private_address_among_public_ones_is_refused() -> None:
    async def mixed(host: str, port: int) -> list[str]:
        del host, port
        return ["93.184.215.14", "10.0.0.1"]

    fetcher = HttpFetcher(resolver=mixed, tls=TLS)
    with pytest.raises(FetchRefused, match="not on the public internet"):
        await fetched(fetcher, "http://example.com/")
    await fetcher.close()


async def test_a_name_that_changes_its_address_is_connected_to_where_it_was_checked(
    origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([["127.0.0.1"], ["127.0.0.2"], ["127.0.0.3"]])
    checked: list[str] = []

    async def rebinding(host: str, port: int) -> list[str]:
        assert (host, port) == ("rebind.example", origin.port)
        return next(answers)

    def public(address: str) -> bool:
        checked.append(address)
        return address == "127.0.0.1"

    monkeypatch.setattr("mediakiln.adapters.fetcher.http.is_public", public)
    async with fetching(origin, allow_private=False, resolver=rebinding) as fetcher:
        url = f"http://rebind.example:{origin.port}/a.txt"
        assert await fetched(fetcher, url) == b"hello"
        with pytest.raises(FetchRefused):
            await fetched(fetcher, url)
    assert checked == ["127.0.0.1", "127.0.0.2"]
    assert [head for head in origin.headers if f"host: rebind.example:{origin.port}" in
            head.lower()] == origin.headers  # fmt: skip


async def test_a_redirect_to_a_private_address_is_refused(origin: Origin) -> None:
    async def public_first(host: str, port: int) -> list[str]:
        return ["127.0.0.1"] if host == "public.example" else await resolve(host, port)

    origin.ways["/away"] = redirects(f"http://127.0.0.1:{origin.port}/a.txt")
    async with fetching(origin, allow_private=False, resolver=public_first) as fetcher:
        with pytest.MonkeyPatch.context() as patched:
            verdicts = iter([True, False])
            patched.setattr("mediakiln.adapters.fetcher.http.is_public", lambda _: next(verdicts))
            with pytest.raises(FetchRefused, match="public internet"):
                await fetched(fetcher, f"http://public.example:{origin.port}/away")
    assert not origin.asked["/a.txt"]


@pytest.mark.parametrize(
    "location",
    ["http://me:pw@127.0.0.1/", "file:///etc/passwd", "ftp://127.0.0.1/", "http://127.0.0.1:22/"],
)
async def test_a_redirect_is_judged_like_an_address(origin: Origin, location: str) -> None:
    origin.ways["/away"] = redirects(location)
    async with fetching(origin) as fetcher:
        with pytest.raises(FetchRefused):
            await fetched(fetcher, origin.url("/away"))


async def test_redirects_are_followed_so_often_and_no_more(origin: Origin) -> None:
    for hop in range(MAX_REDIRECTS + 1):
        origin.ways[f"/{hop}"] = redirects(f"/{hop + 1}")
    origin.files[f"/{MAX_REDIRECTS + 1}"] = b"at last"
    async with fetching(origin) as fetcher:
        assert await fetched(fetcher, origin.url("/1")) == b"at last"
        with pytest.raises(FetchRefused, match="too often"):
            await fetched(fetcher, origin.url("/0"))


async def test_a_fetcher_may_follow_no_redirect(origin: Origin) -> None:
    origin.files["/a"] = b"here"
    origin.ways["/0"] = redirects("/a")
    async with fetching(origin, redirects=0) as fetcher:
        assert await fetched(fetcher, origin.url("/a")) == b"here"
        with pytest.raises(FetchRefused, match="too often"):
            await fetched(fetcher, origin.url("/0"))


@pytest.mark.parametrize("way", [drips, drips_headers, silent])
async def test_whoever_is_too_slow_is_left(origin: Origin, way: object) -> None:
    origin.ways["/slow"] = way  # type: ignore[assignment]
    started = time.monotonic()
    async with fetching(origin) as fetcher:
        with pytest.raises(FetchFailed, match="too slow"):
            await fetched(fetcher, origin.url("/slow"))
    assert time.monotonic() - started < 30


async def test_the_whole_file_has_its_time(origin: Origin) -> None:
    origin.ways["/slow"] = drips
    pace = Pace(answer_s=5, total_s=0.3, window_s=60, min_rate=0)
    async with fetching(origin, pace=pace) as fetcher:
        with pytest.raises(FetchFailed, match="too slow"):
            await fetched(fetcher, origin.url("/slow"))


async def test_a_reader_that_takes_its_time_is_not_the_servers_fault(origin: Origin) -> None:
    origin.files["/big"] = b"x" * 500_000
    pace = Pace(answer_s=5, window_s=0.4, min_rate=100_000)
    async with (
        fetching(origin, pace=pace) as fetcher,
        fetcher.open(origin.url("/big"), max_bytes=LIMIT) as file,
    ):
        total = 0
        async for chunk in file.chunks:
            total += len(chunk)
            if total < 100_000:
                await asyncio.sleep(0.3)
    assert total == 500_000


async def test_a_claim_of_ten_gigabytes_is_refused_at_once(origin: Origin) -> None:
    origin.ways["/huge"] = says("HTTP/1.1 200 OK\nContent-Length: 10000000000")
    async with fetching(origin) as fetcher:
        with pytest.raises(TooLarge) as caught:
            await fetched(fetcher, origin.url("/huge"))
    assert caught.value.context["value"] == 10_000_000_000


@pytest.mark.parametrize("way", [endless])
async def test_what_never_ends_is_cut_at_the_limit(origin: Origin, way: object) -> None:
    origin.ways["/endless"] = way  # type: ignore[assignment]
    async with fetching(origin) as fetcher:
        with pytest.raises(TooLarge):
            await fetched(fetcher, origin.url("/endless"))


async def test_headers_without_end_are_cut(origin: Origin) -> None:
    origin.ways["/headers"] = endless_headers
    async with fetching(origin) as fetcher:
        with pytest.raises(FetchFailed):
            await fetched(fetcher, origin.url("/headers"))


@pytest.mark.parametrize(
    "way",
    [
        resets,
        says("HTTP/1.1 200 OK\nContent-Length: 10", b"short"),
        says("nonsense"),
        says("HTTP/1.1 503 Busy\nContent-Length: 0\nRetry-After: 7"),
        says("HTTP/1.1 429 Slow Down\nContent-Length: 0"),
    ],
)
async def test_what_may_work_later_is_said_to(origin: Origin, way: object) -> None:
    origin.ways["/broken"] = way  # type: ignore[assignment]
    async with fetching(origin) as fetcher:
        with pytest.raises(FetchFailed):
            await fetched(fetcher, origin.url("/broken"))


@pytest.mark.parametrize(
    "way",
    [
        says("HTTP/1.1 404 Not Found\nContent-Length: 0"),
        says("HTTP/1.1 204 No Content"),
        says("HTTP/1.1 206 Partial Content\nContent-Length: 1", b"x"),
        says("HTTP/1.1 200 OK\nContent-Encoding: gzip\nContent-Length: 1", b"x"),
        redirects("http://[zz]/"),
    ],
)
async def test_what_never_works_is_refused(origin: Origin, way: object) -> None:
    origin.ways["/no"] = way  # type: ignore[assignment]
    async with fetching(origin) as fetcher:
        with pytest.raises(FetchRefused):
            await fetched(fetcher, origin.url("/no"))


async def test_an_address_that_does_not_answer_gives_way_to_the_next(origin: Origin) -> None:
    async def two(host: str, port: int) -> list[str]:
        del host, port
        return ["127.0.0.9", "127.0.0.1"]

    async with fetching(origin, resolver=two) as fetcher:
        assert await fetched(fetcher, f"http://two.example:{origin.port}/a.txt") == b"hello"


async def test_a_name_without_an_address_may_have_one_later(origin: Origin) -> None:
    async def nobody(host: str, port: int) -> list[str]:
        raise OSError(f"{host}:{port} is unknown")

    async with fetching(origin, resolver=nobody) as fetcher:
        with pytest.raises(FetchFailed, match="cannot be resolved"):
            await fetched(fetcher, f"http://no.example:{origin.port}/a.txt")


@pytest.mark.parametrize(
    ("url", "disposition", "name"),
    [
        ("http://e.com/a/b%20c.png?x=1", "", "b c.png"),
        ("http://e.com/", "", ""),
        ("http://e.com/a/", "", "a"),
        ("http://e.com/a", 'attachment; filename="x.pdf"', "x.pdf"),
        ("http://e.com/a", "inline", "a"),
    ],
)
def test_a_file_is_called_what_its_server_says(url: str, disposition: str, name: str) -> None:
    assert filename(parse(url), disposition) == name
