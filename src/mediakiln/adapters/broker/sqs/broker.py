"""The broker itself: the port, put together from its parts."""

import time
from collections.abc import Mapping, Sequence
from typing import Self

from mediakiln.adapters.broker.checks import check_delay, check_messages, check_receive
from mediakiln.adapters.broker.sqs.address import Address
from mediakiln.adapters.broker.sqs.api import Api
from mediakiln.adapters.broker.sqs.codec import pack
from mediakiln.adapters.broker.sqs.delivery import Origin, SqsDelivery
from mediakiln.adapters.broker.sqs.fanout import Fanout, QueueFanout
from mediakiln.adapters.broker.sqs.outbound import Outbound
from mediakiln.adapters.broker.sqs.polls import Polls, Receipt
from mediakiln.adapters.broker.sqs.queues import Queues
from mediakiln.adapters.broker.sqs.topics import TopicFanout
from mediakiln.model.errors import EngineUnavailable
from mediakiln.model.messages import Message
from mediakiln.model.topology import DEAD
from mediakiln.ports.broker import Backlog, BrokerCapabilities

_PATIENCE_S = 3.0
"""How long `close` waits for what is on its way."""
_GRAIN_S = 0.05
"""A wait with less than this left is over."""


class SqsBroker:
    """A `Broker` on SNS + SQS, built by `from_url("sqs://REGION?option=value&…")`.

    Credentials are found as by every AWS tool (environment, profile, the machine's role). Options:

    - `endpoint`, `sns_endpoint`: URLs of other servers than AWS; SNS's is SQS's unless given;
    - `prefix`: what names of queues and topics begin with (`mediakiln-`);
    - `fanout`: `sns` (the default), or `queues` where the server has no SNS;
    - `fair`: `1` makes each project a message group, so that SQS takes turns among them (fair
      queues); the default on AWS, `0` with an `endpoint`;
    - `poll`: seconds of one long poll, 1 to 20 (20). Shorter ones cost more requests; SQS may
      hand a message to the poll of a process that was killed, and it comes back 10 s later.

    Running needs sqs:GetQueueUrl, GetQueueAttributes, SendMessage, ReceiveMessage, DeleteMessage,
    ChangeMessageVisibility, ListQueues; sns:Publish, ListSubscriptionsByTopic,
    GetSubscriptionAttributes. `ensure` needs sqs:CreateQueue, SetQueueAttributes and
    sns:CreateTopic, Subscribe, SetSubscriptionAttributes besides, where something is missing.
    """

    def __init__(self, address: Address) -> None:
        self._api = Api(address)
        self._outbound = Outbound(self._api)
        self._queues = Queues(self._api)
        self._fanout: Fanout = (
            TopicFanout(self._api, self._queues, self._outbound)
            if address.sns
            else QueueFanout(self._queues, self._outbound)
        )
        self._polls: dict[str, Polls] = {}
        self._poll_s = address.poll_s
        self._closed = False
        self._capabilities = BrokerCapabilities(
            shared=True,
            durable=True,
            counts_attempts=True,
            oldest_age=False,
            fair_shares=address.fair,
        )

    @classmethod
    def from_url(cls, url: str) -> Self:
        """A broker for the URL; nothing is connected before it is used.

        Raises:
            EngineMisconfigured: the URL names no region, or has an unknown option or value.
        """
        return cls(Address.of(url))

    @property
    def capabilities(self) -> BrokerCapabilities:
        """The age of the oldest message is known to CloudWatch alone, minutes later."""
        return self._capabilities

    async def ensure(self, topology: Mapping[str, Sequence[str]]) -> None:
        """Make queues, topics and subscriptions that are not there yet."""
        self._check_open()
        queues = await self._queues.ensure(self._fanout.queues_for(topology))
        await self._fanout.ensure(topology, queues)

    async def publish(
        self,
        topic: str,
        messages: Sequence[Message],
        *,
        group: str | None = None,
        delay: float = 0.0,
    ) -> None:
        """Publish to every group of the topic, or to one; on return the service has confirmed all.

        Raises:
            NotFound: no such topic, or no such group.
            InvalidRequest: the delay is out of range.
            LimitExceeded: a message is larger than 64 KiB; none was published.
            EngineUnavailable: some may not have been published.
        """
        self._check_open()
        check_delay(delay)
        check_messages(messages)
        await self._publish(topic, messages, group=group, delay=delay)

    async def receive(
        self, topic: str, group: str, *, limit: int, wait: float, lease: float
    ) -> Sequence[SqsDelivery]:
        """Lease up to `limit` messages, ten at most, waiting up to `wait` seconds for the first.

        Raises:
            NotFound: no such topic, or no such group.
            InvalidRequest: limit, wait or lease is out of range.
        """
        check_receive(limit, wait, lease)
        self._check_open()
        deadline = time.monotonic() + wait
        url = await self._queues.url(topic, group)
        while True:
            left = max(0.0, deadline - time.monotonic())
            receipts = await self._polls_of(url).take(limit, min(left, self._poll_s), lease)
            if receipts or deadline - time.monotonic() <= _GRAIN_S:
                origin = Origin(topic, group, url, self._outbound, self._publish_dead)
                return [SqsDelivery(origin, receipt) for receipt in receipts]

    async def backlog(self, topic: str, group: str) -> Backlog:
        """What waits for the group, approximately; a retry that waits counts as leased.

        Raises:
            NotFound: no such topic, or no such group.
        """
        self._check_open()
        names = [
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesDelayed",
        ]
        answer = await self._api.sqs(
            "get_queue_attributes",
            QueueUrl=await self._queues.url(topic, group),
            AttributeNames=names,
        )
        ready, leased, delayed = (int(answer["Attributes"][name]) for name in names)
        return Backlog(ready=ready, leased=leased, delayed=delayed)

    async def close(self) -> None:
        """Let acks under way end, and let go of connections; leases lapse by themselves."""
        self._closed = True
        for polls in self._polls.values():
            await polls.close(_PATIENCE_S)
        await self._outbound.close(_PATIENCE_S)
        await self._api.close()

    def _check_open(self) -> None:
        if self._closed:
            raise EngineUnavailable("this broker was closed")

    async def _publish(
        self, topic: str, messages: Sequence[Message], *, group: str | None, delay: float
    ) -> None:
        parcels = [pack(message) for message in messages]
        if group is None and not delay:
            await self._fanout.publish(topic, parcels)
            return
        groups = [group] if group is not None else await self._fanout.groups(topic)
        for name in groups:
            await self._outbound.send(await self._queues.url(topic, name), parcels, delay)

    async def _publish_dead(self, letter: Message) -> None:
        await self._publish(DEAD, [letter], group=None, delay=0.0)

    def _polls_of(self, url: str) -> Polls:
        if url not in self._polls:

            async def hide(receipt: Receipt, seconds: int) -> None:
                await self._outbound.hide(url, receipt.handle, seconds)

            self._polls[url] = Polls(self._api, url, hide)
        return self._polls[url]
