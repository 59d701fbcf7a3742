"""The client for asyncio."""

from types import TracebackType
from typing import Self

from mediakiln.client.awaiting import Awaiting
from mediakiln.client.resources.access import (
    AsyncAudit,
    AsyncKeys,
    AsyncProjects,
    AsyncTokens,
    AsyncUploaders,
)
from mediakiln.client.resources.assets import AsyncAssets
from mediakiln.client.resources.events import AsyncEvents
from mediakiln.client.resources.imports import AsyncImports
from mediakiln.client.resources.operate import AsyncOperating
from mediakiln.client.resources.uploads import AsyncUploads
from mediakiln.client.resources.webhooks import AsyncWebhooks
from mediakiln.client.retry import Retry
from mediakiln.client.settings import Settings, Verify


class AsyncClient(AsyncAssets, AsyncOperating):
    """Talks to a mediakiln server. Safe to share between tasks of one loop.

    What concerns assets can be asked of the client itself: `await client.get(id)`
    is `await client.assets.get(id)`.

    Args:
        url: `http://KEY@host:port`, perhaps with `?verify=off|FILE`, `timeout=SECONDS` and
            `project=NAME`; by default the environment's MEDIAKILN_URL, else a server on this
            machine.
        key: the key, where it does not stand in the address.
        project: for the owner's key: the project that is meant, by default what the address or
            the environment's MEDIAKILN_PROJECT says; other keys have their own.
        retry: when calls that change nothing twice are tried again.
        timeout: seconds without a byte until a request is given up.
        verify: how the server's TLS certificate is checked: by the system's authorities (True),
            those of a file, an `ssl.SSLContext`, or not at all (False).

    Every method raises `ApiError` when the server refuses, and `httpx2.TransportError` when it
    cannot be reached.

    Raises:
        ValueError: the address is none.
    """

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        project: str | None = None,
        retry: Retry | None = None,
        timeout: float | None = None,
        verify: Verify | None = None,
    ) -> None:
        super().__init__(
            Awaiting(
                Settings(url, key, project=project, retry=retry, timeout=timeout, verify=verify)
            )
        )
        self.assets = AsyncAssets(self._driver)
        self.uploads = AsyncUploads(self._driver)
        self.events = AsyncEvents(self._driver)
        self.imports = AsyncImports(self._driver)
        self.keys = AsyncKeys(self._driver)
        self.projects = AsyncProjects(self._driver)
        self.tokens = AsyncTokens(self._driver)
        self.uploaders = AsyncUploaders(self._driver)
        self.webhooks = AsyncWebhooks(self._driver)
        self.audit = AsyncAudit(self._driver)

    async def aclose(self) -> None:
        """Let go of the connections."""
        await self._driver.http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()
