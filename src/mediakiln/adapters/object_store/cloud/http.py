"""Plain HTTP, for what obstore has no call for: blocks and copies on Azure, sessions on Google."""

import asyncio
import random
import re
from collections.abc import AsyncIterator, Collection, Mapping

import httpx2

from mediakiln.adapters.object_store.cloud.failures import judge, refused
from mediakiln.adapters.object_store.cloud.options import Options
from mediakiln.model.errors import EngineUnavailable, MediakilnError, ObjectMissing

_CODE = re.compile(r"<Code>(\w+)</Code>|\"reason\": ?\"(\w+)\"")
_OBJECT_CODES = {"BlobNotFound", "NoSuchKey", "CannotVerifyCopySource", "notFound"}
_FORBIDDEN = {401, 403}
_AGAIN = {408, 429, 500, 502, 503, 504}
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0


class Http:
    """Sends requests, again after outages, and tells failures as our own errors."""

    def __init__(self, options: Options, *, connections: int | None = 32) -> None:
        self._retries = options.retries
        self._client = httpx2.AsyncClient(
            timeout=httpx2.Timeout(options.timeout_s, connect=min(5.0, options.timeout_s)),
            limits=httpx2.Limits(max_connections=connections),
            trust_env=True,
        )

    async def send(
        self,
        method: str,
        url: str,
        *,
        bucket: str,
        key: str = "",
        accept: Collection[int],
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
    ) -> httpx2.Response:
        """The answer, if its status is one of those to accept.

        Raises:
            ObjectMissing, EngineUnavailable, EngineMisconfigured, StorageFull: as `judge` says.
        """
        for turn in range(self._retries + 1):
            last = turn == self._retries
            try:
                answer = await self._client.request(method, url, headers=headers, content=content)
            except httpx2.TransportError as error:
                if last:
                    raise EngineUnavailable(
                        f"The object store does not answer: {type(error).__name__}.", bucket=bucket
                    ) from error
            else:
                if answer.status_code in accept:
                    return answer
                if last or answer.status_code not in _AGAIN:
                    raise _failure(answer, bucket, key)
            pause = min(_FIRST_PAUSE_S * 2**turn, _LONGEST_PAUSE_S)
            await asyncio.sleep(pause * (0.5 + random.random()))  # noqa: S311 - no secret
        raise AssertionError

    async def pour(
        self,
        method: str,
        url: str,
        *,
        bucket: str,
        accept: Collection[int],
        headers: Mapping[str, str],
        content: AsyncIterator[bytes],
    ) -> httpx2.Response:
        """As `send`, with a body that can be had only once, so never sent again."""
        try:
            answer = await self._client.request(method, url, headers=headers, content=content)
        except httpx2.TransportError as error:
            raise EngineUnavailable(
                f"The object store does not answer: {type(error).__name__}.", bucket=bucket
            ) from error
        if answer.status_code not in accept:
            raise _failure(answer, bucket, "")
        return answer

    async def close(self) -> None:
        """Let go of connections."""
        await self._client.aclose()


def code_of(answer: httpx2.Response) -> str:
    """The provider's word for a failure."""
    named = answer.headers.get("x-ms-error-code")
    if named:
        return str(named)
    found = _CODE.search(answer.text)
    return (found[1] or found[2]) if found else ""


def _failure(answer: httpx2.Response, bucket: str, key: str) -> MediakilnError:
    status, code = answer.status_code, code_of(answer)
    if key and status == 404 and (not code or code in _OBJECT_CODES):  # noqa: PLR2004 - not found
        return ObjectMissing(key=key)
    if status in _FORBIDDEN:
        return refused(bucket, status, code)
    return judge(bucket, status, code, reason=answer.reason_phrase)
