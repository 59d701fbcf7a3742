"""The role that adopts objects which came straight to the bucket.

Stores may send their own notifications to the topic `objects` (S3 to its SNS topic or its queue,
MinIO to its Kafka topic): these are understood beside our own messages.
"""

from mediakiln.adapters.object_store import notifications
from mediakiln.model.errors import UnreadableMessage
from mediakiln.model.keys import parse_input_key
from mediakiln.model.messages import Message, ObjectCreated
from mediakiln.roles import parts
from mediakiln.roles.consumer import Consumer
from mediakiln.roles.engines import Engines
from mediakiln.roles.service import Service
from mediakiln.roles.settings import Settings
from mediakiln.stages.receive import Receive


class Intake:
    """Reads messages of `objects` and has each object adopted."""

    def __init__(self, stage: Receive) -> None:
        self._stage = stage

    async def __call__(self, message: Message) -> None:
        """Adopt what the message names; objects that are not of our making are left alone.

        Raises:
            UnreadableMessage: it is neither our own nor a store's.
        """
        for event in created(message):
            await self._stage.adopt(event)


def created(message: Message) -> list[ObjectCreated]:
    """The objects that a message of ours, or a store's notification, says were written.

    Raises:
        UnreadableMessage: it is neither.
    """
    try:
        return [ObjectCreated.of(message)]
    except UnreadableMessage as ours:
        try:
            found = notifications.parse(message.body)
        except UnreadableMessage as theirs:
            raise UnreadableMessage(f"{ours}; {theirs}") from None
    return [_as_ours(each) for each in found if parse_input_key(each.key)]


def _as_ours(found: notifications.ObjectCreated) -> ObjectCreated:
    project, id = parse_input_key(found.key) or ("", "")
    return ObjectCreated(
        asset=id,
        project=project,
        key=found.key,
        bytes=found.size or 0,
        etag=found.etag or None,
        version=found.version,
    )


def build(settings: Settings, engines: Engines) -> Service:
    """A consumer of `objects`."""
    intake = Intake(parts.receive(settings, engines))
    return Consumer(engines.broker, "receive", {"objects": intake}, parts.policy(settings))
