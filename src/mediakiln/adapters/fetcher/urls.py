"""Which URLs are fetched at all, judged by their text alone."""

import re
from collections.abc import Collection
from email.message import Message
from ipaddress import IPv6Address
from typing import Final
from urllib.parse import unquote

import httpx2

from mediakiln.model.errors import FetchRefused

MAX_URL_CHARS: Final = 4096
PORTS: Final = frozenset({80, 443})

_DEFAULT_PORT = {"http": 80, "https": 443}
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9.])?")
_ODD = re.compile(r"[\x00-\x20\x7f\\]")


def parse(url: str, ports: Collection[int] = PORTS) -> httpx2.URL:
    """The URL, without its fragment.

    What parsers disagree on (spaces, backslashes, users, odd hosts) is refused rather than
    read in one of its ways.

    Raises:
        FetchRefused: it is not one that is ever fetched.
    """
    if len(url) > MAX_URL_CHARS:
        raise FetchRefused("the URL is too long", limit=MAX_URL_CHARS, value=len(url))
    if _ODD.search(url):
        raise FetchRefused(
            "the URL holds spaces, backslashes or control characters", hint="percent-encode them"
        )
    try:
        parsed = httpx2.URL(url)
        host = parsed.raw_host.decode("ascii")
    except (httpx2.InvalidURL, ValueError) as error:
        raise FetchRefused(f"the URL is not valid: {error}") from None
    if parsed.scheme not in _DEFAULT_PORT:
        raise FetchRefused("the URL does not begin with http:// or https://")
    if parsed.userinfo or "@" in parsed.netloc.decode("latin-1"):
        raise FetchRefused("the URL holds a user or a password", hint="use an address without")
    if not _is_host(host):
        raise FetchRefused("the URL names no host that can be asked")
    if port_of(parsed) not in ports:
        raise FetchRefused(
            f"the URL's port {port_of(parsed)} is not fetched from",
            allowed=sorted(ports),
            hint="the operator can allow more with MEDIAKILN_IMPORT_PORTS",
        )
    return parsed.copy_with(fragment=None)


def port_of(url: httpx2.URL) -> int:
    """The port that a URL leads to."""
    return _DEFAULT_PORT[url.scheme] if url.port is None else url.port


def filename(url: httpx2.URL, disposition: str) -> str:
    """What the file is called: by Content-Disposition (RFC 6266), else by the path's end."""
    if disposition:
        header = Message()
        header["content-disposition"] = disposition
        if given := header.get_filename():
            return given
    return unquote(url.path.rstrip("/").rpartition("/")[2])


def shown(url: httpx2.URL) -> str:
    """The URL for messages: without its query, in which tokens are."""
    return str(url.copy_with(query=None, fragment=None))


def _is_host(host: str) -> bool:
    if ":" not in host:
        return _HOST.fullmatch(host) is not None and ".." not in host
    try:
        IPv6Address(host)
    except ValueError:
        return False
    return "%" not in host
