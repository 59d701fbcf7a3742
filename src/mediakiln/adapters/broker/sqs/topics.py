"""SNS: a topic per topic, with a raw subscription for each group's queue."""

import asyncio
import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from mediakiln.adapters.broker.sqs.api import Api
from mediakiln.adapters.broker.sqs.codec import Parcel
from mediakiln.adapters.broker.sqs.names import group_of, topic_name
from mediakiln.adapters.broker.sqs.outbound import Outbound
from mediakiln.adapters.broker.sqs.queues import Queue, Queues
from mediakiln.model.errors import NotFound

_RAW = "RawMessageDelivery"
_STATEMENT = "mediakiln"


class TopicFanout:
    """SNS copies a message to every group's queue."""

    def __init__(self, api: Api, queues: Queues, outbound: Outbound) -> None:
        self._api = api
        self._queues = queues
        self._outbound = outbound
        self._home: str | None = None

    def queues_for(self, topology: Mapping[str, Collection[str]]) -> dict[str, set[str]]:
        """The groups alone: a topic of SNS exists without them."""
        return {topic: set(groups) for topic, groups in topology.items()}

    async def ensure(
        self,
        topology: Mapping[str, Collection[str]],
        queues: Mapping[tuple[str, str], Queue],
    ) -> None:
        """Make topics, let them send to their queues, and subscribe those."""
        await asyncio.gather(
            *(
                self._ensure_topic(topic, [queues[topic, group] for group in set(groups)])
                for topic, groups in topology.items()
            )
        )

    async def publish(self, topic: str, parcels: Sequence[Parcel]) -> None:
        """Hand to SNS, which delivers on its own from then on."""
        await self._found(topic, self._outbound.publish(await self._arn(topic), parcels))

    async def groups(self, topic: str) -> Collection[str]:
        """By the subscriptions."""
        subscribed = await self._found(topic, self._subscriptions(await self._arn(topic)))
        names = (endpoint.rpartition(":")[2] for endpoint in subscribed)
        groups = (group_of(self._api.address.prefix, topic, name) for name in names)
        return {group for group in groups if group}

    async def _found(self, topic: str, call: Any) -> Any:
        try:
            return await call
        except NotFound as error:
            raise NotFound(
                f"there is no topic {topic!r}: {error}", topic=topic, **error.context
            ) from None

    async def _arn(self, topic: str) -> str:
        """The topic's full name: in the region and account of the queues."""
        if self._home is None:
            try:
                arn = (await self._queues.net()).arn
            except NotFound as error:
                raise NotFound(f"there is no topic {topic!r}: {error}", **error.context) from None
            self._home = arn.rpartition(":")[0].replace(":sqs:", ":sns:", 1)
        return f"{self._home}:{topic_name(self._api.address.prefix, topic)}"

    async def _ensure_topic(self, topic: str, queues: Sequence[Queue]) -> None:
        arn = await self._arn(topic)
        try:
            subscribed = await self._subscriptions(arn)
        except NotFound:
            name = topic_name(self._api.address.prefix, topic)
            await self._api.sns("create_topic", Name=name)
            subscribed = {}
        for queue in queues:
            await self._let_in(queue, arn)
            if queue.arn in subscribed:
                await self._make_raw(subscribed[queue.arn])
            else:
                await self._subscribe(arn, queue)

    async def _subscribe(self, arn: str, queue: Queue) -> None:
        await self._api.sns(
            "subscribe",
            TopicArn=arn,
            Protocol="sqs",
            Endpoint=queue.arn,
            Attributes={_RAW: "true"},
            ReturnSubscriptionArn=True,
        )

    async def _subscriptions(self, arn: str) -> dict[str, str]:
        """The subscription of each queue, both by their full names."""
        found: dict[str, str] = {}
        more: dict[str, str] = {}
        while True:
            answer = await self._api.sns("list_subscriptions_by_topic", TopicArn=arn, **more)
            for item in answer["Subscriptions"]:
                if item["Protocol"] == "sqs":
                    found[item["Endpoint"]] = item["SubscriptionArn"]
            if not answer.get("NextToken"):
                return found
            more = {"NextToken": answer["NextToken"]}

    async def _make_raw(self, subscription: str) -> None:
        """A subscription made by other means may wrap messages in an envelope of SNS's own."""
        answer = await self._api.sns("get_subscription_attributes", SubscriptionArn=subscription)
        if answer["Attributes"].get(_RAW) != "true":
            await self._api.sns(
                "set_subscription_attributes",
                SubscriptionArn=subscription,
                AttributeName=_RAW,
                AttributeValue="true",
            )

    async def _let_in(self, queue: Queue, arn: str) -> None:
        """Allow the topic to send to the queue, beside what its policy says already."""
        policy = json.loads(queue.policy or "{}")
        statements = policy.get("Statement", [])
        if any(statement.get("Sid") == _STATEMENT for statement in statements):
            return
        allowed = {
            "Sid": _STATEMENT,
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": queue.arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": arn}},
        }
        policy = {"Version": "2012-10-17", **policy, "Statement": [*statements, allowed]}
        await self._api.sqs(
            "set_queue_attributes",
            QueueUrl=queue.url,
            Attributes={"Policy": json.dumps(policy)},
        )
