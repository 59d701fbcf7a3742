"""Access tokens and signatures for Google Cloud Storage, of one set of credentials."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC
from importlib import import_module
from typing import TYPE_CHECKING, Any

from mediakiln.model.errors import EngineMisconfigured, EngineUnavailable, NotSupported

if TYPE_CHECKING:
    from obstore.store import GCSCredential

_SCOPE = "https://www.googleapis.com/auth/devstorage.full_control"
_SIGNING_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_HINT = (
    "set GOOGLE_APPLICATION_CREDENTIALS, log in by `gcloud auth application-default login`, "
    "or run where a service account is attached"
)


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs addresses.

    Attributes:
        email: the service account's name.
        sign: its RSA signature (SHA-256, PKCS #1 v1.5) of some bytes; may ask IAM, and blocks.
    """

    email: str
    sign: Callable[[bytes], bytes]


class Tokens:
    """Tokens of the application default credentials, by Google's own library.

    Args:
        anonymous: there are no credentials, and none are asked for: an emulator.

    Raises:
        EngineMisconfigured: the library is not installed.
    """

    def __init__(self, *, anonymous: bool) -> None:
        self.anonymous = anonymous
        self._renewing = asyncio.Lock()
        self._credentials: Any = None
        self._project = ""
        self._signer: Signer | None = None
        if anonymous:
            return
        try:
            self._auth = import_module("google.auth")
            self._kinds = import_module("google.auth.credentials")
            self._errors = import_module("google.auth.exceptions")
            self._iam = import_module("google.auth.iam")
            self._transport = import_module("google.auth.transport.requests")
        except ModuleNotFoundError as error:
            raise EngineMisconfigured(
                f"MEDIAKILN_STORE is gs://, which needs {error.name}; it is not installed",
                hint="pip install 'mediakiln[gcs]'",
            ) from error

    async def credential(self) -> "GCSCredential":
        """A token that is valid now, for obstore."""
        if self.anonymous:
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

    async def project(self) -> str:
        """The project that the credentials are of; empty where they do not say."""
        await self.credential()
        return self._project

    async def signer(self) -> Signer:
        """Who signs addresses for these credentials.

        Raises:
            NotSupported: nobody does.
        """
        async with self._renewing:
            if self._signer is None:
                self._signer = await asyncio.to_thread(self._find_signer)
            return self._signer

    async def sign(self, signer: Signer, text: bytes) -> bytes:
        """The signature of a text.

        Raises:
            EngineMisconfigured, EngineUnavailable: IAM does not sign for us, or not now.
        """
        return await asyncio.to_thread(self._sign, signer, text)

    def _renew(self) -> None:
        with self._translated():
            if self._credentials is None:
                self._credentials, project = self._auth.default(scopes=[_SCOPE])
                self._project = project or ""
            self._credentials.refresh(self._transport.Request())

    def _find_signer(self) -> Signer:
        with self._translated():
            credentials, _ = self._auth.default(scopes=[_SIGNING_SCOPE])
            if isinstance(credentials, self._kinds.Signing):
                return Signer(credentials.signer_email, credentials.sign_bytes)
            request = self._transport.Request()
            credentials.refresh(request)  # a machine's account is known by name only after this
        email = getattr(credentials, "service_account_email", None)
        if not email:
            raise NotSupported(
                "Only service accounts sign addresses, and the credentials are none's.",
                hint="log in with `--impersonate-service-account`, or attach a service account",
            )
        return Signer(email, self._iam.Signer(request, credentials, email).sign)

    def _sign(self, signer: Signer, text: bytes) -> bytes:
        try:
            with self._translated():
                return signer.sign(text)
        except EngineUnavailable as error:
            if "PERMISSION_DENIED" not in str(error):
                raise
            raise EngineMisconfigured(
                f"MEDIAKILN_STORE: {signer.email} may not sign addresses of gs://",
                hint="grant it roles/iam.serviceAccountTokenCreator on itself",
            ) from error

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except self._errors.TransportError as error:
            raise EngineUnavailable(f"Google gives no access token: {error}") from error
        except self._errors.GoogleAuthError as error:
            raise EngineMisconfigured(
                f"MEDIAKILN_STORE: no credentials for gs://: {error}", hint=_HINT
            ) from error
