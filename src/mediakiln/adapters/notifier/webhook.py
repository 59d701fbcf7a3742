"""Webhooks, signed as Standard Webhooks has it (https://www.standardwebhooks.com)."""

import asyncio
import base64
import json
import ssl
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx2
from standardwebhooks import Webhook

from mediakiln.adapters.addresses import Resolver, as_written, is_public, resolve
from mediakiln.model.errors import EngineMisconfigured, NotifyFailed, NotifyRefused
from mediakiln.ports.notifier import Notification, NotifierCapabilities, Receipt

TIMEOUT_S = 15.0
ANSWER_CHARACTERS = 1_000

_ANSWER_BYTES = 4 * ANSWER_CHARACTERS
_CONNECTIONS = 8
_ADDRESSES_TRIED = 3
_MIN_SECRET_BYTES, _MAX_SECRET_BYTES = 24, 64
_MAX_RETRY_AFTER_S = 24 * 3600.0
_SHOWN_SEGMENT = 16
_GONE = 410
_PRIVATE = "The webhook's host is not on the public internet."
_ALLOW = "the operator can allow private addresses with MEDIAKILN_NOTIFY_PRIVATE"


class WebhookNotifier:
    """Posts `{"type", "timestamp", "data"}` as JSON to one URL and expects a 2xx.

    The host is resolved anew for every delivery, every address is checked, and the connection
    goes to a checked address, so that no second look-up can lead elsewhere; TLS still verifies
    the host's name. Redirects are not followed and proxies not used.
    """

    capabilities = NotifierCapabilities(signed=True, answers=True)

    def __init__(
        self,
        url: httpx2.URL,
        signers: Sequence[Webhook],
        *,
        allow_private: bool = False,
        timeout: float = TIMEOUT_S,
        tls: ssl.SSLContext | None = None,
        resolver: Resolver = resolve,
    ) -> None:
        self._url = url
        self._signers = signers
        self._allow_private = allow_private
        self._timeout = timeout
        self._resolve = resolver
        self.target = _shown(url)
        self._client = httpx2.AsyncClient(
            verify=tls or True,
            trust_env=False,
            follow_redirects=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            timeout=httpx2.Timeout(timeout, connect=timeout / _ADDRESSES_TRIED),
            limits=httpx2.Limits(max_connections=_CONNECTIONS, keepalive_expiry=30),
        )

    @classmethod
    def from_url(
        cls, url: str, *, secret: str | None, allow_private: bool = False, **options: Any
    ) -> "WebhookNotifier":
        """The notifier for an `https://` URL; user and password in it become basic auth.

        Args:
            url: where to post. `http://` is taken only with `allow_private`.
            secret: `whsec_` and base64 of 24 to 64 bytes; several, separated by spaces, while
                a receiver changes over: each signs.
            allow_private: deliver to private, loopback and link-local addresses, too.
            options: the constructor's other keywords.

        Raises:
            EngineMisconfigured: the URL or a secret is not valid.
        """
        parsed = _parsed(url, allow_http=allow_private)
        written = as_written(parsed.host)
        if written is not None and not allow_private and not is_public(written):
            raise EngineMisconfigured(_PRIVATE, hint=_ALLOW)
        signers = [_signer(each) for each in (secret or "").split()]
        if not signers:
            raise EngineMisconfigured("A webhook needs a secret.", hint="whsec_ and base64")
        return cls(parsed, signers, allow_private=allow_private, **options)

    async def send(self, notification: Notification) -> Receipt:
        """Deliver once; retries are the caller's.

        Raises:
            NotifyFailed: no 2xx came, or nothing at all; `status`, `answer` and `retry_after`
                (seconds) are in the context where the receiver gave them.
            NotifyRefused: the receiver said 410, or its address is not allowed.
        """
        started = time.perf_counter()
        body = _body(notification)
        headers = self._headers(notification.id, body)
        try:
            async with asyncio.timeout(self._timeout):
                response, answer = await self._deliver(headers, body)
        except (TimeoutError, httpx2.TimeoutException) as error:
            raise NotifyFailed(
                "The webhook's receiver did not answer in time.",
                target=self.target,
                limit=self._timeout,
                value=round(time.perf_counter() - started, 3),
            ) from error
        except httpx2.RequestError as error:
            raise NotifyFailed(
                f"The webhook's receiver cannot be reached: {error}", target=self.target
            ) from error
        self._check(response, answer)
        return Receipt(response.status_code, answer, time.perf_counter() - started)

    async def close(self) -> None:
        """Let go of connections."""
        await self._client.aclose()

    def _headers(self, id: str, body: bytes) -> dict[str, str]:
        now = datetime.now(UTC)
        content = body.decode()
        signatures = (signer.sign(id, now, content) for signer in self._signers)
        return {
            "host": self._url.netloc.decode(),
            "content-type": "application/json",
            "accept-encoding": "identity",  # a compressed answer could be a bomb
            "user-agent": "mediakiln",
            "webhook-id": id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(signatures),
        }

    async def _deliver(self, headers: dict[str, str], body: bytes) -> tuple[httpx2.Response, str]:
        """Try the host's first addresses in turn, until a connection stands."""
        addresses = (await self._addresses())[:_ADDRESSES_TRIED]
        for address in addresses[:-1]:
            try:
                return await self._post(address, headers, body)
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                continue
        return await self._post(addresses[-1], headers, body)

    async def _post(
        self, address: str, headers: dict[str, str], body: bytes
    ) -> tuple[httpx2.Response, str]:
        request = self._client.build_request(
            "POST",
            self._url.copy_with(host=address),
            headers=headers,
            content=body,
            extensions={"sni_hostname": self._url.raw_host.decode()},
        )
        response = await self._client.send(request, stream=True)
        try:
            return response, await _beginning(response)
        finally:
            await response.aclose()

    async def _addresses(self) -> list[str]:
        host = self._url.host
        port = self._url.port or (443 if self._url.scheme == "https" else 80)
        try:
            addresses = await self._resolve(host, port)
        except OSError as error:
            raise NotifyFailed(
                f"The webhook's host cannot be resolved: {error}", target=self.target
            ) from error
        if not addresses:
            raise NotifyFailed("The webhook's host has no address.", target=self.target)
        if not self._allow_private and not all(is_public(address) for address in addresses):
            raise NotifyRefused(_PRIVATE, target=self.target, hint=_ALLOW)
        return addresses

    def _check(self, response: httpx2.Response, answer: str) -> None:
        status = response.status_code
        if response.is_success:
            return
        context: dict[str, Any] = {"target": self.target, "status": status, "answer": answer}
        if status == _GONE:
            raise NotifyRefused("The webhook's receiver is gone (410).", **context)
        if response.has_redirect_location:
            context["hint"] = "redirects are not followed: give the URL that they lead to"
        retry_after = _retry_after(response.headers.get("retry-after", ""))
        if retry_after is not None:
            context["retry_after"] = retry_after
        raise NotifyFailed(f"The webhook's receiver answered {status}.", **context)


def _body(notification: Notification) -> bytes:
    content = {
        "type": notification.type,
        "timestamp": notification.at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "data": dict(notification.data),
    }
    return json.dumps(content, separators=(",", ":")).encode()


async def _beginning(response: httpx2.Response) -> str:
    """The first characters of an answer; the rest is never read."""
    answer = bytearray()
    async for chunk in response.aiter_raw(_ANSWER_BYTES):
        answer += chunk
        if len(answer) >= _ANSWER_BYTES:
            break
    return answer.decode(errors="replace")[:ANSWER_CHARACTERS]


def _retry_after(value: str) -> float | None:
    """Seconds from a Retry-After header (RFC 9110, 10.2.3): a number, or a date."""
    if value.isascii() and value.isdigit():
        seconds = float(value)
    else:
        try:
            seconds = (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
        except (TypeError, ValueError):  # no date, or one without a zone
            return None
    return min(max(seconds, 0.0), _MAX_RETRY_AFTER_S)


def _parsed(url: str, *, allow_http: bool) -> httpx2.URL:
    schemes = {"https", "http"} if allow_http else {"https"}
    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL as error:
        raise EngineMisconfigured(f"The webhook's URL is not valid: {error}") from error
    if parsed.scheme not in schemes or not parsed.host:
        hint = "http:// only where private addresses are allowed"
        raise EngineMisconfigured("A webhook's URL begins with https://.", hint=hint)
    return parsed


def _signer(secret: str) -> Webhook:
    coded = secret.removeprefix("whsec_").rstrip("=")
    try:
        key = base64.b64decode(coded + "=" * (-len(coded) % 4), validate=True)
    except ValueError as error:
        raise EngineMisconfigured(
            "The webhook's secret is not base64.", hint="whsec_ and base64 of 24 to 64 bytes"
        ) from error
    if not _MIN_SECRET_BYTES <= len(key) <= _MAX_SECRET_BYTES:
        limit = _MIN_SECRET_BYTES if len(key) < _MIN_SECRET_BYTES else _MAX_SECRET_BYTES
        raise EngineMisconfigured(
            "A webhook's secret is 24 to 64 bytes, in base64.", limit=limit, value=len(key)
        )
    return Webhook(key)


def _shown(url: httpx2.URL) -> str:
    """The URL for logs: no user, no query, and long parts of the path, which are tokens, cut."""
    port = f":{url.port}" if url.port else ""
    parts = (
        part if len(part) <= _SHOWN_SEGMENT else f"{part[:4]}…" for part in url.path.split("/")
    )
    host = f"[{url.host}]" if ":" in url.host else url.host
    return f"{url.scheme}://{host}{port}{'/'.join(parts)}"
