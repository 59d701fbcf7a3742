"""The client for ordinary Python."""

from types import TracebackType
from typing import Self

from mediakiln.client.blocking import Blocking
from mediakiln.client.resources.access import (
    Audit,
    Keys,
    Projects,
    Tokens,
    Uploaders,
)
from mediakiln.client.resources.assets import Assets
from mediakiln.client.resources.events import Events
from mediakiln.client.resources.imports import Imports
from mediakiln.client.resources.operate import Operating
from mediakiln.client.resources.uploads import Uploads
from mediakiln.client.resources.webhooks import Webhooks
from mediakiln.client.retry import Retry
from mediakiln.client.settings import Settings, Verify


class Client(Assets, Operating):
    """Talks to a mediakiln server. Safe to share between threads.

    What concerns assets can be asked of the client itself: `client.get(id)` is
    `client.assets.get(id)`.

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
            Blocking(
                Settings(url, key, project=project, retry=retry, timeout=timeout, verify=verify)
            )
        )
        self.assets = Assets(self._driver)
        self.uploads = Uploads(self._driver)
        self.events = Events(self._driver)
        self.imports = Imports(self._driver)
        self.keys = Keys(self._driver)
        self.projects = Projects(self._driver)
        self.tokens = Tokens(self._driver)
        self.uploaders = Uploaders(self._driver)
        self.webhooks = Webhooks(self._driver)
        self.audit = Audit(self._driver)

    def close(self) -> None:
        """Let go of the connections."""
        self._driver.http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
