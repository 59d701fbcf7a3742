"""The queues of groups: found by name, made by `ensure`."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass

from mediakiln.adapters.broker.sqs.api import Api
from mediakiln.adapters.broker.sqs.names import group_of, net_name, queue_name
from mediakiln.model.errors import NotFound

_RETENTION_S = 14 * 24 * 60 * 60
"""The longest that SQS keeps a message."""
_RECEIVES = 1000
"""Receives after which SQS moves a message to the net: the most it lets one set."""


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue that exists, and its attributes that matter here."""

    url: str
    arn: str
    redrive: str | None
    policy: str | None


class Queues:
    """Knows the URL of every group's queue once it has been asked for."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._prefix = api.address.prefix
        self._urls: dict[tuple[str, str], str] = {}

    async def url(self, topic: str, group: str) -> str:
        """Where the group's messages are.

        Raises:
            NotFound: no such topic, or no such group.
        """
        if (topic, group) not in self._urls:
            try:
                self._urls[topic, group] = await self._find(queue_name(self._prefix, topic, group))
            except NotFound as error:
                raise NotFound(
                    f"topic {topic!r} has no group {group!r}: {error}",
                    topic=topic,
                    group=group,
                    **error.context,
                ) from None
        return self._urls[topic, group]

    async def groups(self, topic: str) -> list[str]:
        """The groups whose queues SQS lists now; the group `""` marks a topic that has none."""
        start = queue_name(self._prefix, topic, "")
        groups = []
        more: dict[str, str] = {}
        while True:
            answer = await self._api.sqs(
                "list_queues", QueueNamePrefix=start, MaxResults=1000, **more
            )
            for url in answer.get("QueueUrls") or ():
                group = group_of(self._prefix, topic, url.rpartition("/")[2])
                if group is not None:
                    groups.append(group)
                    self._urls[topic, group] = url
            if not answer.get("NextToken"):
                return groups
            more = {"NextToken": answer["NextToken"]}

    async def net(self) -> Queue:
        """The queue beneath all others; its owner is who owns the topics too.

        Raises:
            NotFound: nothing was made yet.
        """
        return await self._look(await self._find(net_name(self._prefix)))

    async def ensure(self, topology: Mapping[str, set[str]]) -> dict[tuple[str, str], Queue]:
        """Make what is missing: the net, then a queue per group."""
        keep = {"MessageRetentionPeriod": str(_RETENTION_S)}
        net = await self._made(net_name(self._prefix), keep)
        redrive = json.dumps({"deadLetterTargetArn": net.arn, "maxReceiveCount": _RECEIVES})
        pairs = [(topic, group) for topic, groups in topology.items() for group in groups]
        queues = await asyncio.gather(
            *(
                self._made(queue_name(self._prefix, *pair), {**keep, "RedrivePolicy": redrive})
                for pair in pairs
            )
        )
        self._urls |= {pair: queue.url for pair, queue in zip(pairs, queues, strict=True)}
        return dict(zip(pairs, queues, strict=True))

    async def _made(self, name: str, attributes: Mapping[str, str]) -> Queue:
        """Look first: who may only use the queues can then start where they exist."""
        try:
            url = await self._find(name)
        except NotFound:
            answer = await self._api.sqs("create_queue", QueueName=name, Attributes=attributes)
            url = str(answer["QueueUrl"])
        queue = await self._look(url)
        if "RedrivePolicy" in attributes and not queue.redrive:
            wanted = {"RedrivePolicy": attributes["RedrivePolicy"]}
            await self._api.sqs("set_queue_attributes", QueueUrl=url, Attributes=wanted)
        return queue

    async def _find(self, name: str) -> str:
        return str((await self._api.sqs("get_queue_url", QueueName=name))["QueueUrl"])

    async def _look(self, url: str) -> Queue:
        answer = await self._api.sqs("get_queue_attributes", QueueUrl=url, AttributeNames=["All"])
        found = answer["Attributes"]
        return Queue(url, found["QueueArn"], found.get("RedrivePolicy"), found.get("Policy"))
