"""The role that adopts objects which came straight to the bucket.

Stores may send their own notifications to the topic `objects` (S3 to its SNS topic or its queue,
MinIO to its Kafka topic): these are understood beside our own messages.
"""

from mediakiln.adapters.object_store import notifications
from mediakiln.model.errors import UnreadableMessage
from mediakiln.model.messages import Message, ObjectCreated
from mediakiln.roles import parts
from mediakiln.roles.consumer import Consumer
from mediakiln.roles.engines import Engines
from mediakiln.roles.service import Service
from mediakiln.roles.settings import Settings
from mediakiln.stages.uploads.adoption import Adoption


class Intake:
    """Reads messages of `objects` and has each object adopted."""

    def __init__(self, stage: Adoption) -> None:
        self._stage = stage

    async def __call__(self, message: Message) -> None:
        """Adopt what the message names; what no rule is for is left alone.

        Raises:
            UnreadableMessage: it is neither our own nor a store's.
        """
        for key in created(message):
            await self._stage(key)


def created(message: Message) -> list[str]:
    """The keys that a message of ours, or a store's notification, says were written; each once.

    Raises:
        UnreadableMessage: it is neither.
    """
    try:
        return [ObjectCreated.of(message).key]
    except UnreadableMessage as ours:
        try:
            found = notifications.parse(message.body)
        except UnreadableMessage as theirs:
            raise UnreadableMessage(f"{ours}; {theirs}") from None
    return list(dict.fromkeys(each.key for each in found))


def build(settings: Settings, engines: Engines) -> Service:
    """A consumer of `objects`."""
    intake = Intake(parts.adoption(settings, engines))
    return Consumer(engines.broker, "receive", {"objects": intake}, parts.policy(settings))
