"""The one client a catalog keeps: its connections, its patience, its errors."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession, get_session

from mediakiln.adapters.catalog.dynamodb.address import Address
from mediakiln.adapters.catalog.dynamodb.errors import FAILURES, judge, not_dynamodb
from mediakiln.model.errors import EngineUnavailable

Item = dict[str, Any]
"""Attributes by name, as on the wire: `{"N": "1"}`, `{"S": "text"}`, `{"B": bytes}`."""

BATCH = 100
"""Items of one BatchGetItem."""
_CONNECT_S, _READ_S, _IDLE_S = 2.0, 2.0, 30.0
_NAME = "mediakiln"
"""Told to the server. The SDK's own description of itself takes a tenth of a request's time."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 1.0


class Patience:
    """Pauses between tries, doubling with full jitter, until the time given is over."""

    def __init__(self, seconds: float) -> None:
        self._end = asyncio.get_running_loop().time() + seconds
        self._longest = _FIRST_PAUSE_S

    async def pause(self) -> bool:
        """Wait a little; False, without waiting, once the time is over."""
        left = self._end - asyncio.get_running_loop().time()
        if left <= 0:
            return False
        await asyncio.sleep(min(left, random.uniform(0, self._longest)))  # noqa: S311 - no secret
        self._longest = min(2 * self._longest, _LONGEST_PAUSE_S)
        return True


class Link:
    """Requests to one table, over connections that are kept open.

    The SDK's own retries are off: whoever writes must know when an outcome is unknown, and the
    time a caller waits is bounded by `patience`, not by a number of tries.
    """

    def __init__(self, address: Address, service: str = "dynamodb") -> None:
        self.address = address
        self._service = service
        self._opening = asyncio.Lock()
        self._stack = AsyncExitStack()
        self._client: Any = None
        self._closed = False
        self._running = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def call(self, operation: str, **params: Any) -> Any:
        """One request, repeated while DynamoDB is away or busy and patience lasts.

        A repeated write may meet its own first try: see `writes` and `records` on how it is told.

        Raises:
            ConditionFailed: the write's condition did not hold.
            EngineUnavailable: away or throttled all the time; a write's outcome is unknown.
            EngineMisconfigured: credentials, permissions, region or table are wrong.
        """
        patience = Patience(self.address.patience_s)
        while True:
            try:
                return await self._try(operation, params)
            except FAILURES as error:
                verdict = judge(error, self.address, operation)
                if not verdict.again or not await patience.pause():
                    raise verdict.error from error

    async def table(self, operation: str, **params: Any) -> Any:
        """A request to the table."""
        return await self.call(operation, TableName=self.address.table, **params)

    async def items(self, keys: Sequence[Item], attributes: str) -> list[Item]:
        """The items there are of these keys (each once), consistent, in no order.

        `attributes` is a projection, such as `pk, body`.
        """
        parts = [keys[n : n + BATCH] for n in range(0, len(keys), BATCH)]
        found = await asyncio.gather(*(self._batch(part, attributes) for part in parts))
        return [item for part in found for item in part]

    async def _batch(self, keys: Sequence[Item], attributes: str) -> list[Item]:
        """One BatchGetItem, and more for what it leaves out above 16 MB or when throttled."""
        table = self.address.table
        asked: Mapping[str, Any] = {
            table: {"Keys": keys, "ConsistentRead": True, "ProjectionExpression": attributes}
        }
        found: list[Item] = []
        patience = Patience(self.address.patience_s)
        while asked:
            answer = await self.call("batch_get_item", RequestItems=asked)
            some = answer["Responses"].get(table, [])
            found += some
            asked = answer.get("UnprocessedKeys", {})
            if asked and not some and not await patience.pause():
                raise EngineUnavailable(f"{self.address}: reads are throttled")
        return found

    async def close(self) -> None:
        """Refuse further requests, wait for those under way, and close the connections."""
        self._closed = True
        await self._idle.wait()
        async with self._opening:
            self._client = None
            await self._stack.aclose()

    async def _try(self, operation: str, params: Item) -> Any:
        client = await self._open()
        self._running += 1
        self._idle.clear()
        try:
            answer = await getattr(client, operation)(**params)
        finally:
            self._running -= 1
            if not self._running:
                self._idle.set()
        if "RequestId" not in answer["ResponseMetadata"]:
            raise not_dynamodb(self.address)
        return answer

    async def _open(self) -> Any:
        if self._client is None:
            async with self._opening:
                if not self._closed and self._client is None:
                    self._client = await self._connect()
        if self._closed:
            raise EngineUnavailable("the catalog is closed")
        return self._client

    async def _connect(self) -> Any:
        session = await asyncio.to_thread(_session, self._service)
        config = AioConfig(
            connect_timeout=_CONNECT_S,
            read_timeout=_READ_S,
            max_pool_connections=self.address.connections,
            tcp_keepalive=True,
            retries={"total_max_attempts": 1},
            parameter_validation=False,
            user_agent=_NAME,
            connector_args={"keepalive_timeout": _IDLE_S},
        )
        return await self._stack.enter_async_context(
            session.create_client(
                self._service,
                region_name=self.address.region,
                endpoint_url=self.address.endpoint,
                config=config,
            )
        )


def _session(service: str) -> AioSession:
    """A session that has read the service's description, which takes 0.1 s of disk and parsing."""
    session = get_session()
    loader = session.get_component("data_loader")
    loader.load_service_model(service, "service-2")
    loader.load_service_model(service, "endpoint-rule-set-1")
    loader.load_data("endpoints")
    return session
