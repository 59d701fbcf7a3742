"""Who may come in: the owner's key as a bearer token, or a session cookie made from it.

A cookie travels with requests that other sites' pages start, so it opens methods that change
something only to requests that the browser says come from our own page.
"""

import hashlib
import hmac
import re
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.types import Scope

from mediakiln.model.errors import ForeignOrigin, Unauthorised

COOKIE: Final = "mediakiln_session"
COOKIE_SECONDS: Final = 30 * 24 * 3600
_HOST = re.compile(r"(?:\[([^\]]*)\]|([^:]*))(?::\d*)?")
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def signin_token(owner_key: str) -> str:
    """The token of the sign-in link: proves the key without being it."""
    return _derive(owner_key, "signin")


def session_cookie(owner_key: str) -> str:
    """The session cookie's value; a new key ends every session."""
    return _derive(owner_key, "session")


def _derive(owner_key: str, purpose: str) -> str:
    message = f"mediakiln {purpose}".encode()
    return hmac.new(owner_key.encode(), message, hashlib.sha256).hexdigest()


class Auth:
    """Checks requests against the owner's key; None lets everybody in.

    Everybody but pages of other sites: without a key, requests must name this service by an
    IP address, `localhost` or the host of `public_url`, or else a page could reach it by
    pointing its own name at this machine (DNS rebinding).
    """

    def __init__(self, owner_key: str | None, *, public_url: str | None = None) -> None:
        if owner_key == "":
            raise ValueError("an empty owner key would let everybody in")
        self._host = None if public_url is None else urlsplit(public_url).hostname
        self._open = owner_key is None
        self._bearer = (owner_key or "").encode()
        self._cookie = session_cookie(owner_key or "").encode()
        self._token = signin_token(owner_key or "").encode()

    def check(self, scope: Scope) -> None:
        """Let the request pass.

        Raises:
            Unauthorised: it carries no valid key or session.
            ForeignOrigin: it would change something, and another site's page started it.
        """
        headers = Headers(scope=scope)
        if self._open:
            self._refuse_strange_host(headers)
        elif self._has_key(headers):
            return
        elif not self._has_session(headers):
            raise Unauthorised(hint="send `Authorization: Bearer KEY`")
        if scope["method"] not in _SAFE and not self._same_origin(headers):
            raise ForeignOrigin

    def admits(self, scope: Scope) -> bool:
        """Whether `check` passes."""
        try:
            self.check(scope)
        except (Unauthorised, ForeignOrigin):
            return False
        return True

    def opens(self, token: str) -> bool:
        """Whether the token of a sign-in link is right."""
        return self._open or hmac.compare_digest(token.encode(), self._token)

    def _has_key(self, headers: Headers) -> bool:
        scheme, _, key = headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(
            key.strip().encode("latin-1"), self._bearer
        )

    def _has_session(self, headers: Headers) -> bool:
        value = cookie_parser(headers.get("cookie", "")).get(COOKIE, "")
        return hmac.compare_digest(value.encode(), self._cookie)

    def _refuse_strange_host(self, headers: Headers) -> None:
        match = _HOST.fullmatch(headers.get("host", "localhost").lower())
        host = match[1] or match[2] if match else ""
        if host not in {"localhost", self._host} and not _is_address(host):
            raise ForeignOrigin(
                f"without authentication this service does not answer as {host[:80]!r}",
                hint="set MEDIAKILN_PUBLIC_URL, or turn authentication on",
            )

    def _same_origin(self, headers: Headers) -> bool:
        site = headers.get("sec-fetch-site")
        if site is not None:
            return site in {"same-origin", "none"}
        origin = headers.get("origin")
        if origin is None:
            # Browsers send one of the two; without authentication programs send neither.
            return self._open
        return origin.partition("://")[2] == headers.get("host")


def from_this_machine(scope: Scope) -> bool:
    """Whether the client is on this machine and not behind a proxy on it."""
    if "x-forwarded-for" in Headers(scope=scope) or scope.get("client") is None:
        return False
    host = scope["client"][0]
    return _is_address(host) and ip_address(host).is_loopback


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
