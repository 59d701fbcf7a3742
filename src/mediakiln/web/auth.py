"""Who sends a request: the holder of a key or an upload token, or of a session's cookie.

A cookie travels with requests that other sites' pages start, so it opens methods that change
something only to requests that the browser says come from our own page.
"""

import re
import time
from base64 import b64decode
from collections import OrderedDict
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.types import Scope

from mediakiln.model.access import OWNER, Principal
from mediakiln.model.errors import Forbidden, ForeignOrigin, Unauthorised
from mediakiln.stages.access import Access

COOKIE: Final = "mediakiln_session"
COOKIE_SECONDS: Final = 30 * 24 * 3600
TRUSTED_S: Final = 5.0
"""How long a process trusts what it found out: within that, a revoked key may still open."""

_MOST_KNOWN: Final = 4096
_HOST = re.compile(r"(?:\[([^\]]*)\]|([^:]*))(?::\d*)?")
_PROXIED: Final = frozenset(
    {
        b"forwarded",
        b"via",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-forwarded-proto",
        b"x-real-ip",
    }
)
"""Headers of requests that came through a proxy."""
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_UPLOADING: Final = re.compile(r"/v1/(?:uploads|tus)(?:/.*)?", re.DOTALL)

Secrets = tuple[bytes, bytes, bytes]
"""The headers that decide: Authorization, X-Mediakiln-Project, Cookie."""


class Auth:
    """Finds out whom a request comes from; without an owner's key, from the owner.

    Everybody but pages of other sites: without a key, requests must name this service by an
    IP address, `localhost` or the host of `public_url`, or else a page could reach it by
    pointing its own name at this machine (DNS rebinding).
    """

    def __init__(self, access: Access, *, open_: bool, public_url: str | None = None) -> None:
        self._access = access
        self._open = open_
        self._host = None if public_url is None else urlsplit(public_url).hostname
        self._known: OrderedDict[Secrets, tuple[float, Principal]] = OrderedDict()

    async def identify(self, scope: Scope) -> Principal:
        """The principal of a request.

        Raises:
            Unauthorised: it carries no valid key, token or session.
            Forbidden: what it carries does not open this address, or this project.
            ForeignOrigin: it would change something, and another site's page started it.
            NotFound: it names a project that there is not.
        """
        secrets = _secrets(scope)
        if self._open:
            self._refuse_strange_host(Headers(scope=scope))
            secrets = (b"", secrets[1], b"")
        known = self._known.get(secrets)
        if known is not None and time.monotonic() < known[0]:
            principal = known[1]
        else:
            principal = await self._find(secrets)
            self._remember(secrets, principal)
        if principal.limits is not None and not _takes_files(scope):
            raise Forbidden("an upload token opens nothing but the ways in")
        if scope["method"] not in _SAFE and not self._is_meant(scope, secrets):
            raise ForeignOrigin
        return principal

    def forget(self) -> None:
        """Ask anew about everybody: some key or session has just ended."""
        self._known.clear()

    async def _find(self, secrets: Secrets) -> Principal:
        authorization, project, cookie = secrets
        if self._open:
            found: Principal | None = OWNER
        else:
            key = _bearer(authorization)
            found = await self._access.bearer(key or _password(authorization))
            if found is None and not key:
                # A password may be one for a proxy in front, beside a session of ours.
                found = await self._access.session(session_of(cookie))
        if found is None:
            raise Unauthorised(hint="send `Authorization: Bearer KEY`")
        return await self._in_project(found, project.decode("latin-1"))

    async def _in_project(self, principal: Principal, name: str) -> Principal:
        """The principal in the project that it chose. Only the owner has more than one."""
        if not name or name == principal.project:
            return principal
        if not principal.is_owner:
            raise Forbidden(f"this key is of the project {principal.project!r}")
        project = await self._access.projects.get(name)
        return principal.model_copy(update={"project": project.name})

    def _remember(self, secrets: Secrets, principal: Principal) -> None:
        # Found by the headers' own bytes: a lookup that costs a hash, where verifying costs a
        # read of the catalog. Python hashes bytes under a key of its own, so that the time of a
        # lookup tells nothing of the keys that are there.
        self._known[secrets] = (time.monotonic() + TRUSTED_S, principal)
        self._known.move_to_end(secrets)
        while len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)

    def _refuse_strange_host(self, headers: Headers) -> None:
        host = _host(headers)
        if host not in {"localhost", self._host} and not _is_address(host):
            raise ForeignOrigin(
                f"without authentication this service does not answer as {host[:80]!r}",
                hint="set MEDIAKILN_PUBLIC_URL, or turn authentication on",
            )

    def _is_meant(self, scope: Scope, secrets: Secrets) -> bool:
        """Whether whoever holds the secrets started the request, and no other site's page."""
        if _bearer(secrets[0]):
            return True  # browsers add no such header by themselves
        headers = Headers(scope=scope)
        site = headers.get("sec-fetch-site")
        if site is not None:
            return site in {"same-origin", "none"}
        origin = headers.get("origin")
        if origin is None:
            # Browsers send one of the two; programs, which have no sessions, send neither.
            return self._open or not secrets[2]
        return origin.partition("://")[2] == headers.get("host")


def _secrets(scope: Scope) -> Secrets:
    authorization = project = cookie = b""
    for name, value in scope["headers"]:
        if name == b"authorization":
            authorization = authorization or value
        elif name == b"x-mediakiln-project":
            project = project or value
        elif name == b"cookie":
            cookie = cookie or value
    # A bearer's word counts alone, so that its cookies, which change, cost it no new lookup.
    return authorization, project, b"" if _bearer(authorization) else cookie


def _bearer(authorization: bytes) -> str:
    """The key or token that is sent as a bearer's; empty if none is."""
    if authorization[:7].lower() != b"bearer ":
        return ""
    return authorization[7:].strip().decode("latin-1")


def _password(authorization: bytes) -> str:
    """The password, which may be a key; empty if there is none (RFC 7617).

    Senders that know addresses only can give one, as in `https://any:KEY@host/`. Browsers send
    it again by themselves, so it is trusted as little as a cookie.
    """
    if authorization[:6].lower() != b"basic ":
        return ""
    try:
        return b64decode(authorization[6:].strip(), validate=True).partition(b":")[2].decode()
    except ValueError:
        return ""


def session_of(cookie: bytes) -> str:
    """The session's secret among the cookies; empty if there is none."""
    return cookie_parser(cookie.decode("latin-1")).get(COOKIE, "") if cookie else ""


def _takes_files(scope: Scope) -> bool:
    """Whether this is a way in. Uploads are known by ids that nobody guesses, and not listed."""
    path = scope["path"]
    if path in {"/v1/assets", "/v1/uploads"}:
        return bool(scope["method"] == "POST")
    return _UPLOADING.fullmatch(path) is not None


def from_this_machine(scope: Scope) -> bool:
    """Whether the client is on this machine and not behind a proxy on it."""
    if scope.get("client") is None or _PROXIED & {name for name, _ in scope["headers"]}:
        return False
    return _is_loopback(scope["client"][0])


def asks_this_machine(scope: Scope) -> bool:
    """Whether the request names this machine by an address of its own, or as `localhost`.

    A page of another site can point its own name here (DNS rebinding), and would then read the
    answers; the browser still sends that name.
    """
    host = _host(Headers(scope=scope))
    return host == "localhost" or _is_loopback(host)


def _host(headers: Headers) -> str:
    """The host that a request names, without its port; empty where that cannot be read."""
    match = _HOST.fullmatch(headers.get("host", "localhost").lower())
    return (match[1] or match[2] or "") if match else ""


def _is_loopback(host: str) -> bool:
    return _is_address(host) and ip_address(host).is_loopback


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
