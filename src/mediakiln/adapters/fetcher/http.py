"""The fetcher of http:// and https:// addresses that strangers name.

Every host is resolved here, every address it has is checked, and the connection goes to a
checked one, so that no second look-up can lead elsewhere; TLS still verifies the host's name.
"""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx2

from mediakiln.adapters.addresses import Resolver, is_public, resolve
from mediakiln.adapters.fetcher import answers
from mediakiln.adapters.fetcher.urls import PORTS, filename, parse, port_of, shown
from mediakiln.model.errors import FetchFailed, FetchRefused
from mediakiln.ports.fetcher import Fetched

MAX_REDIRECTS = 5

_ADDRESSES_TRIED = 3


@dataclass(frozen=True, slots=True)
class Pace:
    """How slow a server may be.

    Attributes:
        connect_s: seconds until a connection stands, name look-up and TLS included.
        answer_s: seconds until the answer's headers are there, for each redirect.
        total_s: seconds for the whole file.
        window_s: seconds over which the rate is measured.
        min_rate: bytes per second that must come in each window.
    """

    connect_s: float = 10.0
    answer_s: float = 30.0
    total_s: float = 3600.0
    window_s: float = 20.0
    min_rate: float = 1024.0


class HttpFetcher:
    """Fetches by GET, without cookies, credentials, proxies or compression.

    Args:
        ports: those that are connected to.
        allow_private: also fetch from private, loopback and link-local addresses.
        pace: how slow a server may be.
        redirects: those that are followed, at most.
        resolver: who knows the addresses of hosts.
        tls: how servers are verified; None for the usual authorities.
    """

    def __init__(
        self,
        *,
        ports: Collection[int] = PORTS,
        allow_private: bool = False,
        pace: Pace | None = None,
        redirects: int = MAX_REDIRECTS,
        resolver: Resolver = resolve,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._ports = ports
        self._allow_private = allow_private
        self._pace = pace or Pace()
        self._redirects = redirects
        self._resolve = resolver
        self._client = httpx2.AsyncClient(
            verify=tls or True,
            trust_env=False,
            follow_redirects=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            timeout=httpx2.Timeout(self._pace.answer_s, connect=self._pace.connect_s),
            # A connection that is kept would be found by its address, and so serve another host
            # than the one its certificate was checked for.
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=0),
        )

    def check(self, url: str) -> None:
        """Refuse URLs that are never fetched, whatever they resolve to."""
        parse(url, self._ports)

    @asynccontextmanager
    async def open(self, url: str, *, max_bytes: int) -> AsyncIterator[Fetched]:
        """The file at the URL, after its redirects."""
        deadline = time.monotonic() + self._pace.total_s
        target = parse(url, self._ports)
        with _translated(target):
            response, target = await self._follow(target)
        try:
            size = answers.length(response, target, max_bytes)
            yield Fetched(
                chunks=self._chunks(response, target, max_bytes, size, deadline),
                name=filename(target, response.headers.get("content-disposition", "")),
                declared_type=answers.media_type(response),
                size=size,
            )
        finally:
            await response.aclose()

    async def close(self) -> None:
        """Let go of connections."""
        await self._client.aclose()

    async def _follow(self, target: httpx2.URL) -> tuple[httpx2.Response, httpx2.URL]:
        for _ in range(self._redirects + 1):
            response = await self._get(target)
            if not response.has_redirect_location:
                try:
                    answers.check(response, target)
                except BaseException:
                    await response.aclose()
                    raise
                return response, target
            await response.aclose()
            target = self._next(target, response.headers["location"])
        raise FetchRefused(
            "the URL is redirected too often", limit=self._redirects, url=shown(target)
        )

    def _next(self, target: httpx2.URL, location: str) -> httpx2.URL:
        try:
            following = target.join(location)
        except (httpx2.InvalidURL, ValueError) as error:
            raise FetchRefused(f"the redirect's URL is not valid: {error}") from None
        if target.scheme == "https" and following.scheme == "http":
            raise FetchRefused("the redirect leads from https:// to http://", url=shown(target))
        return parse(str(following), self._ports)

    async def _get(self, target: httpx2.URL) -> httpx2.Response:
        """Ask the host's first addresses in turn, until a connection stands."""
        async with asyncio.timeout(self._pace.answer_s):
            addresses = (await self._addresses(target))[:_ADDRESSES_TRIED]
            for address in addresses[:-1]:
                with suppress(httpx2.ConnectError, httpx2.ConnectTimeout):
                    return await self._ask(target, address)
            return await self._ask(target, addresses[-1])

    async def _ask(self, target: httpx2.URL, address: str) -> httpx2.Response:
        request = self._client.build_request(
            "GET",
            target.copy_with(host=address),
            headers={
                "host": target.netloc.decode("ascii"),
                "accept": "*/*",
                "accept-encoding": "identity",  # a compressed answer could be a bomb
                "user-agent": "mediakiln",
            },
            extensions={"sni_hostname": target.raw_host.decode("ascii").rstrip(".")},
        )
        return await self._client.send(request, stream=True)

    async def _addresses(self, target: httpx2.URL) -> list[str]:
        # The dot at the end of a whole name is no part of it, and resolvers take numbers without.
        host = target.raw_host.decode("ascii").removesuffix(".")
        try:
            addresses = await self._resolve(host, port_of(target))
        except (OSError, UnicodeError) as error:
            raise FetchFailed(f"the host {host} cannot be resolved: {error}") from error
        if not addresses:
            raise FetchFailed(f"the host {host} has no address")
        if not self._allow_private and not all(is_public(address) for address in addresses):
            raise FetchRefused(
                f"the host {host} is not on the public internet",
                hint="the operator can allow private addresses with MEDIAKILN_IMPORT_PRIVATE",
            )
        return addresses

    async def _chunks(
        self,
        response: httpx2.Response,
        target: httpx2.URL,
        max_bytes: int,
        size: int | None,
        deadline: float,
    ) -> AsyncIterator[bytes]:
        """The body, held to size, total time and least rate."""
        gauge = _Gauge(self._pace, deadline)
        total = 0
        body = response.aiter_raw()
        with _translated(target):
            while True:
                async with asyncio.timeout(gauge.patience()):
                    chunk = await anext(body, None)
                if chunk is None:
                    break
                total += len(chunk)
                if total > max_bytes:
                    raise answers.too_large(total, max_bytes, target)
                gauge.note(len(chunk))
                yield chunk
                gauge.resume()
        if size is not None and total != size:
            raise FetchFailed(
                f"{size} bytes were announced and {total} came", url=shown(target), value=total
            )


class _Gauge:
    """Measures how fast a body comes; the time in which its reader is busy does not count."""

    def __init__(self, pace: Pace, deadline: float) -> None:
        self._pace = pace
        self._deadline = deadline
        self._left = pace.window_s
        self._came = 0
        self._asked_at = time.monotonic()

    def patience(self) -> float:
        """Seconds until the server has been too slow; 0 or less once it has."""
        return min(self._left, self._deadline - self._asked_at)

    def note(self, count: int) -> None:
        """Count bytes that came; a window that was fast enough begins anew.

        Raises:
            TimeoutError: it was not.
        """
        self._left -= time.monotonic() - self._asked_at
        self._came += count
        if self._came >= self._pace.min_rate * self._pace.window_s:
            self._left, self._came = self._pace.window_s, 0

    def resume(self) -> None:
        """The reader wants more: the server's time goes on."""
        self._asked_at = time.monotonic()


@contextmanager
def _translated(target: httpx2.URL) -> Iterator[None]:
    """Turn what the network says into our own errors."""
    where = shown(target)
    try:
        yield
    except (TimeoutError, httpx2.TimeoutException) as error:
        raise FetchFailed("the server is too slow", url=where) from error
    except (httpx2.RequestError, OSError) as error:
        reason = str(error) or type(error).__name__
        raise FetchFailed(f"the server cannot be read from: {reason}", url=where) from error
