"""The clients of SQS and SNS: where calls leave, and where their errors are translated."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession
from botocore.exceptions import BotoCoreError, ClientError

from mediakiln.adapters.broker.sqs.address import MAX_POLL_S, Address
from mediakiln.adapters.broker.sqs.failures import translated
from mediakiln.model.errors import EngineUnavailable

_CONNECT_S = 5
_ANSWER_S = 7
_CALLS = 32
_POLLS = 512
_ATTEMPTS = 3


class Api:
    """Three clients, opened at first use: SQS, SNS, and SQS again for long polls.

    Long polls have a pool of connections and a patience of their own: they neither keep a
    connection from other calls, nor make those wait half a minute for a server that is gone.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        self._stack = AsyncExitStack()
        self._opening = asyncio.Lock()
        self._clients: dict[str, Any] = {}
        self._closed = False

    async def sqs(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """Call SQS, for example `send_message_batch`.

        Raises:
            EngineUnavailable: no answer, or the service is out of order.
            EngineMisconfigured: credentials or permissions do not suffice.
            NotFound: there is no such queue.
        """
        return await self._call("sqs", operation, parameters)

    async def poll(self, **parameters: Any) -> dict[str, Any]:
        """`receive_message`, which may wait; raises as `sqs`."""
        return await self._call("polls", "receive_message", parameters)

    async def sns(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """Call SNS; raises as `sqs`."""
        return await self._call("sns", operation, parameters)

    async def close(self) -> None:
        """Let go of all connections; calls that are still on their way fail."""
        self._closed = True
        async with self._opening:
            await self._stack.aclose()

    def _check_open(self) -> None:
        if self._closed:
            raise EngineUnavailable("this broker was closed")

    async def _call(self, which: str, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        self._check_open()
        service = "sns" if which == "sns" else "sqs"
        try:
            client = await self._client(which)
            answer: dict[str, Any] = await getattr(client, operation)(**parameters)
        except RuntimeError as error:
            self._check_open()  # the client's session was closed under the call
            raise EngineUnavailable(f"{self.address}: {error}") from error
        except (BotoCoreError, ClientError) as error:
            self._check_open()
            raise translated(error, permission(service, operation), self.address) from error
        return answer

    async def _client(self, which: str) -> Any:
        if which not in self._clients:
            async with self._opening:
                self._check_open()
                if not self._clients:
                    self._clients = await self._opened()
        return self._clients[which]

    async def _opened(self) -> dict[str, Any]:
        address, session = self.address, AioSession()
        await asyncio.to_thread(_read_models, session)

        async def opened(service: str, endpoint: str | None, config: AioConfig) -> Any:
            client = session.create_client(
                service, region_name=address.region, endpoint_url=endpoint, config=config
            )
            return await self._stack.enter_async_context(client)

        calls, polls = _config(_ANSWER_S, _CALLS), _config(MAX_POLL_S + _ANSWER_S, _POLLS)
        return {
            "sqs": await opened("sqs", address.endpoint, calls),
            "polls": await opened("sqs", address.endpoint, polls),
            "sns": await opened("sns", address.sns_endpoint, calls),
        }


def _config(answer_s: float, connections: int) -> AioConfig:
    return AioConfig(
        connect_timeout=_CONNECT_S,
        read_timeout=answer_s,
        max_pool_connections=connections,
        retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
    )


def _read_models(session: AioSession) -> None:
    """Read the services' descriptions from disk; the session keeps them."""
    loader = session.get_component("data_loader")
    for service in ("sqs", "sns"):
        for kind in ("service-2", "endpoint-rule-set-1"):
            loader.load_service_model(service, kind)
    for name in ("endpoints", "partitions", "sdk-default-configuration", "_retry"):
        loader.load_data(name)


def permission(service: str, operation: str) -> str:
    """What IAM calls an operation: `sqs:SendMessage` for `send_message_batch`, too."""
    return f"{service}:{operation.title().replace('_', '').removesuffix('Batch')}"
