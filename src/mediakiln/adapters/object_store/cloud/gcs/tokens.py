"""Access tokens for Google Cloud Storage, for obstore and for our own requests alike."""

import asyncio
from datetime import UTC
from importlib import import_module
from typing import TYPE_CHECKING, Any

from mediakiln.model.errors import EngineMisconfigured, EngineUnavailable

if TYPE_CHECKING:
    from obstore.store import GCSCredential

_SCOPE = "https://www.googleapis.com/auth/devstorage.full_control"
_HINT = (
    "set GOOGLE_APPLICATION_CREDENTIALS, log in by `gcloud auth application-default login`, "
    "or run where a service account is attached"
)


class Tokens:
    """Tokens of the application default credentials, by Google's own library.

    Args:
        anonymous: there are no credentials, and none are asked for: an emulator.

    Raises:
        EngineMisconfigured: the library is not installed.
    """

    def __init__(self, *, anonymous: bool) -> None:
        self._anonymous = anonymous
        self._renewing = asyncio.Lock()
        self._credentials: Any = None
        if anonymous:
            return
        try:
            self._auth = import_module("google.auth")
            self._errors = import_module("google.auth.exceptions")
            self._transport = import_module("google.auth.transport.requests")
        except ModuleNotFoundError as error:
            raise EngineMisconfigured(
                f"MEDIAKILN_STORE is gs://, which needs {error.name}; it is not installed",
                hint="pip install 'mediakiln[gcs]'",
            ) from error

    async def credential(self) -> "GCSCredential":
        """A token that is valid now, for obstore."""
        if self._anonymous:
            return {"token": "anonymous", "expires_at": None}
        async with self._renewing:
            if self._credentials is None or not self._credentials.valid:
                await asyncio.to_thread(self._renew)
            expiry = self._credentials.expiry
            return {
                "token": str(self._credentials.token),
                "expires_at": expiry and expiry.replace(tzinfo=UTC),
            }

    async def headers(self) -> dict[str, str]:
        """What a request of our own is signed with."""
        credential = await self.credential()
        return {"Authorization": f"Bearer {credential['token']}"}

    def _renew(self) -> None:
        try:
            if self._credentials is None:
                self._credentials, _ = self._auth.default(scopes=[_SCOPE])
            self._credentials.refresh(self._transport.Request())
        except self._errors.TransportError as error:
            raise EngineUnavailable(f"Google gives no access token: {error}") from error
        except self._errors.GoogleAuthError as error:
            raise EngineMisconfigured(
                f"MEDIAKILN_STORE: no credentials for gs://: {error}", hint=_HINT
            ) from error
