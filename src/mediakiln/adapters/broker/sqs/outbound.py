"""Everything that is sent in batches: messages, acks, and leases made longer or shorter."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from math import ceil
from typing import Any

from mediakiln.adapters.broker.sqs.api import Api, permission
from mediakiln.adapters.broker.sqs.batches import Batches, settled
from mediakiln.adapters.broker.sqs.codec import Parcel
from mediakiln.adapters.broker.sqs.failures import of_entry

_LINGER_S = 0.005
"""How long an ack waits for others to travel with."""


class Outbound:
    """One `Batches` per operation and destination."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._batches: dict[tuple[str, str], Batches] = {}

    async def publish(self, arn: str, parcels: Sequence[Parcel]) -> None:
        """Publish to a topic of SNS; returns when it has confirmed all of them.

        Raises:
            NotFound: no such topic.
            EngineUnavailable: some were not taken.
        """
        batches = self._to("publish_batch", arn)
        await settled([batches.add(self._entry(p, "Message"), p.size) for p in parcels])

    async def send(self, url: str, parcels: Sequence[Parcel], delay: float = 0.0) -> None:
        """Send to a queue, to be seen after at least `delay` seconds; raises as `publish`."""
        batches = self._to("send_message_batch", url)
        later = {"DelaySeconds": ceil(delay)} if delay else {}
        entries = [(self._entry(parcel, "MessageBody") | later, parcel.size) for parcel in parcels]
        await settled([batches.add(fields, size) for fields, size in entries])

    async def delete(self, url: str, receipt: str) -> None:
        """End a message for good.

        Raises:
            LeaseLost: the server knows that the receipt is stale.
        """
        await self._to("delete_message_batch", url).add({"ReceiptHandle": receipt})

    async def hide(self, url: str, receipt: str, seconds: int) -> None:
        """Keep a message from others for `seconds` from now; 0 shows it at once.

        Raises:
            LeaseLost: it is not in flight under this receipt.
        """
        fields = {"ReceiptHandle": receipt, "VisibilityTimeout": seconds}
        await self._to("change_message_visibility_batch", url).add(fields)

    async def close(self, patience: float) -> None:
        """Let calls under way end for up to `patience` seconds."""
        for batches in self._batches.values():
            await batches.close(patience)

    def _entry(self, parcel: Parcel, body: str) -> dict[str, Any]:
        share = {"MessageGroupId": parcel.share} if self._api.address.fair else {}
        return {body: parcel.body, "MessageAttributes": parcel.attributes, **share}

    def _to(self, operation: str, target: str) -> Batches:
        if (operation, target) not in self._batches:
            sns = operation == "publish_batch"
            service, call = ("sns", self._api.sns) if sns else ("sqs", self._api.sqs)
            name = permission(service, operation)
            self._batches[operation, target] = Batches(
                _bound(call, operation, {"TopicArn" if sns else "QueueUrl": target}, sns=sns),
                lambda failed: of_entry(failed, name, self._api.address),
                linger=0.0 if operation in {"publish_batch", "send_message_batch"} else _LINGER_S,
            )
        return self._batches[operation, target]


def _bound(
    call: Callable[..., Awaitable[Mapping[str, Any]]],
    operation: str,
    target: Mapping[str, str],
    *,
    sns: bool,
) -> Callable[[Sequence[Mapping[str, Any]]], Awaitable[Mapping[str, Any]]]:
    entries_name = "PublishBatchRequestEntries" if sns else "Entries"

    async def send(entries: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
        return await call(operation, **target, **{entries_name: entries})

    return send
