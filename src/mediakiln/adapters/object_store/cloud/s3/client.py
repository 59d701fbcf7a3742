"""Amazon's own client, for what obstore cannot: parts, copies between buckets, bucket settings."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from aiobotocore.session import AioSession
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
)

from mediakiln.adapters.object_store.cloud.failures import ACCESS_HINT, judge, refused
from mediakiln.adapters.object_store.cloud.options import Options
from mediakiln.model.errors import (
    AlreadyExists,
    EngineMisconfigured,
    EngineUnavailable,
    MediakilnError,
    ObjectMissing,
)

if TYPE_CHECKING:
    from obstore.store import S3Credential

_FORBIDDEN = {401, 403}
_MISSING_OBJECT = {"NoSuchKey", "NoSuchVersion", "404"}
_CREDENTIALS_LIFE = timedelta(minutes=10)
"""botocore renews them at least ten minutes before they end."""
_CONNECTIONS = 32


class S3Client:
    """A client that is opened at its first use, in the event loop that uses it.

    Credentials are found as every AWS program finds them: environment, profile, single sign-on,
    web identity, container, instance.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._session = AioSession()
        self._stack = AsyncExitStack()
        self._opening = asyncio.Lock()
        self._client: Any = None
        self._closed = False

    @property
    def region(self) -> str:
        """The region of the options, else of the environment or profile, else us-east-1."""
        given = self._options.own.get("region")
        return str(given or self._session.get_config_variable("region") or "us-east-1")

    @asynccontextmanager
    async def calls(self, bucket: str, key: str = "") -> AsyncIterator[Any]:
        """The client, for calls about one bucket; its errors become our own."""
        try:
            yield await self._opened()
        except ClientError as error:
            raise _translate(error, bucket, key) from error
        except (NoCredentialsError, PartialCredentialsError, ProfileNotFound) as error:
            raise EngineMisconfigured(
                f"MEDIAKILN_STORE: no credentials for s3://: {error}", hint=_CREDENTIALS_HINT
            ) from error
        except (BotoCoreError, OSError) as error:
            raise EngineUnavailable(
                f"The object store does not answer: {error}", bucket=bucket
            ) from error

    async def credentials(self) -> "S3Credential":
        """The credentials, for obstore.

        Raises:
            EngineMisconfigured: there are none.
        """
        found = await self._session.get_credentials()
        if found is None:
            raise EngineMisconfigured(
                "MEDIAKILN_STORE: no credentials for s3://", hint=_CREDENTIALS_HINT
            )
        frozen = await found.get_frozen_credentials()
        return {
            "access_key_id": frozen.access_key,
            "secret_access_key": frozen.secret_key,
            "token": frozen.token,
            "expires_at": datetime.now(UTC) + _CREDENTIALS_LIFE,
        }

    async def close(self) -> None:
        """Let go of connections. Safe to call again."""
        self._closed = True
        self._client = None
        await self._stack.aclose()

    async def _opened(self) -> Any:
        async with self._opening:
            if self._closed:
                raise EngineUnavailable("The store is closed.")
            if self._client is None:
                self._client = await self._stack.enter_async_context(self._create())
            return self._client

    def _create(self) -> Any:
        endpoint = self._options.own.get("endpoint")
        config = Config(
            signature_version="s3v4",
            connect_timeout=min(5.0, self._options.timeout_s),
            read_timeout=self._options.timeout_s,
            retries={"mode": "standard", "total_max_attempts": self._options.retries + 1},
            max_pool_connections=_CONNECTIONS,
            s3={"addressing_style": "path" if endpoint else "auto"},
            # Checksums that not every compatible store knows; TLS and ETags guard the bytes.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        return self._session.create_client(
            "s3", endpoint_url=endpoint, region_name=self.region, config=config
        )


_CREDENTIALS_HINT = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile or a role"


def code_of(error: ClientError) -> str:
    """The provider's word for a failure; for answers without a body, the status."""
    return str(error.response.get("Error", {}).get("Code", ""))


def _translate(error: ClientError, bucket: str, key: str) -> MediakilnError:
    code = code_of(error)
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if key and code in _MISSING_OBJECT:
        return ObjectMissing(key=key)
    if code == "PreconditionFailed":
        return AlreadyExists(key=key)
    if status in _FORBIDDEN or code in {"XAdminUserNotFound", "InvalidAccessKeyId"}:
        return refused(bucket, status, code)
    if status == 400 and code == "ExpiredToken":  # noqa: PLR2004 - a bad request
        return EngineMisconfigured(
            "MEDIAKILN_STORE: the credentials have expired", hint=ACCESS_HINT
        )
    return judge(bucket, status, code, reason=str(error))
