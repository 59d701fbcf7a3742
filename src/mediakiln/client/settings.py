"""One client's address and habits, as httpx2 takes them."""

import ssl
from typing import Any, Final

import httpx2

from mediakiln.client.address import Address
from mediakiln.client.call import Call, given
from mediakiln.client.retry import Retry

TIMEOUT_S: Final = 60.0
CONNECT_S: Final = 10.0
STORED_S: Final = 300.0
"""The answer to an upload comes once the server has made the last byte durable."""

REJOIN_S: Final = 0.5
"""The pause before listening again, when the server ended a stream of events."""
MAX_EVENT_BYTES: Final = 16 * 1024 * 1024

Verify = bool | str | ssl.SSLContext


class Settings:
    """How one client behaves.

    Raises:
        ValueError: the address is none.
    """

    def __init__(
        self,
        url: str | None,
        key: str | None,
        *,
        project: str | None = None,
        retry: Retry | None,
        timeout: float | None,
        verify: Verify | None,
    ) -> None:
        self.address = Address.of(url, key)
        # An empty one is the key's own, whatever the address says.
        self._project = self.address.project if project is None else project or None
        self.retry = retry or Retry()
        self._timeout = timeout or self.address.timeout or TIMEOUT_S
        self._verify = self.address.verify if verify is None else verify

    def arguments(self) -> dict[str, Any]:
        """How to make the httpx2 client. The environment's proxies are not ours to use."""
        return {
            "base_url": self.address.url,
            "headers": self.address.headers | given(**{"X-Mediakiln-Project": self._project}),
            "timeout": self._patience(self._timeout),
            "verify": self._verify,
            "trust_env": False,
        }

    def request(self, call: Call[Any]) -> dict[str, Any]:
        """The call as arguments of httpx2's `request`, but for its content."""
        request: dict[str, Any] = {
            "method": call.method,
            "url": call.path,
            "params": dict(call.params),
            "headers": dict(call.headers),
        }
        if call.body is not None:
            request["json"] = call.body
        if call.content is not None:
            request["timeout"] = self._patience(max(self._timeout, STORED_S))
        return request

    def _patience(self, read: float) -> httpx2.Timeout:
        return httpx2.Timeout(self._timeout, connect=min(CONNECT_S, self._timeout), read=read)
