"""What both clients share: where the server is, how to send a call, what an answer means."""

from time import monotonic
from typing import Any, Final, TypeVar

import httpx2

from mediakiln.client.calls import Address, Call
from mediakiln.client.errors import api_error
from mediakiln.client.models import Asset
from mediakiln.client.retry import Retry

T = TypeVar("T")

DEFAULT_URL: Final = "http://127.0.0.1:8420"
LONG_POLL_S: Final = 25.0
REJOIN_S: Final = 0.5
"""The pause before watching again, when the server ended the stream."""
MAX_EVENT_BYTES: Final = 16 * 1024 * 1024
_PAUSE_S: Final = 0.25
_TIMEOUT: Final = httpx2.Timeout(60.0, connect=10.0)
_UPLOAD_TIMEOUT: Final = httpx2.Timeout(60.0, connect=10.0, read=300.0)
"""The answer comes once the server has made the last byte durable."""


class Settings:
    """One client's address and habits."""

    def __init__(self, url: str, key: str | None, retry: Retry | None) -> None:
        self.address = Address.of(url, key)
        self.retry = retry or Retry()

    def arguments(self) -> dict[str, Any]:
        """How to make the httpx2 client. The environment's proxies are not ours to use."""
        return {
            "base_url": self.address.url,
            "headers": self.address.headers,
            "timeout": _TIMEOUT,
            "trust_env": False,
        }


def request_of(call: Call[Any]) -> dict[str, Any]:
    """The call as arguments of httpx2's `request`."""
    request: dict[str, Any] = {
        "method": call.method,
        "url": call.path,
        "params": dict(call.params),
        "headers": dict(call.headers),
    }
    if call.body is not None:
        request["json"] = call.body
    if "Content-Type" in call.headers:
        request["timeout"] = _UPLOAD_TIMEOUT
    return request


def read(call: Call[T], response: httpx2.Response) -> T:
    """The answer, decoded.

    Raises:
        ApiError: the server refused.
    """
    if not response.is_success:
        raise api_error(response)
    return call.decode(response.json())


class Deadline:
    """When to stop waiting for an asset, and how long to ask the server to wait meanwhile."""

    def __init__(self, timeout: float | None) -> None:
        self._end = None if timeout is None else monotonic() + timeout
        self._asked = monotonic()

    def poll(self) -> float:
        """Seconds the next request may take at the server."""
        self._asked = monotonic()
        return LONG_POLL_S if self._end is None else max(0.0, min(LONG_POLL_S, self._left()))

    def pause(self) -> float:
        """Seconds to rest, for servers that answer at once whatever they were asked."""
        return max(0.0, _PAUSE_S - (monotonic() - self._asked))

    def check(self, asset: Asset) -> None:
        """Whether there is time left.

        Raises:
            TimeoutError: there is none.
        """
        if self._end is not None and self._left() <= 0:
            raise TimeoutError(f"asset {asset.id} is still {asset.state}")

    def _left(self) -> float:
        return 0.0 if self._end is None else self._end - monotonic()
