"""Messages on their way out: to all groups of a topic, or to one, now or later."""

import time
from collections.abc import Sequence

from mediakiln.adapters.broker.kafka import codec
from mediakiln.adapters.broker.kafka.admin.directory import Directory
from mediakiln.adapters.broker.kafka.names import Names, tier
from mediakiln.adapters.broker.kafka.sender import Letter, Sender
from mediakiln.model.messages import Message


class Post:
    """Addresses messages and hands them to the sender."""

    def __init__(self, names: Names, directory: Directory, sender: Sender) -> None:
        self._names = names
        self._directory = directory
        self._sender = sender

    async def to_all(self, topic: str, messages: Sequence[Message]) -> None:
        """To every group of the topic.

        Raises:
            NotFound: no such topic.
            EngineUnavailable: not all were acknowledged.
        """
        await self._directory.find(topic)
        name = self._names.main(topic)
        await self._sender.send([_letter(name, message) for message in messages])

    async def to_all_later(self, topic: str, messages: Sequence[Message], delay: float) -> None:
        """To every group that the topic has now, after at least `delay` seconds.

        Raises:
            NotFound: no such topic.
            EngineUnavailable: not all were acknowledged.
        """
        await self._directory.refresh()
        await self._directory.find(topic)
        letters: list[Letter] = []
        for group in self._directory.groups(topic):
            letters += self._delayed(topic, group, messages, delay, 1)
        await self._sender.send(letters)

    async def to_group(
        self, topic: str, group: str, messages: Sequence[Message], delay: float, *, attempt: int = 1
    ) -> None:
        """To one group, after at least `delay` seconds.

        Raises:
            NotFound: no such topic, or no such group.
            EngineUnavailable: not all were acknowledged.
        """
        await self._directory.find(topic, group)
        if delay > 0:
            letters = self._delayed(topic, group, messages, delay, attempt)
        else:
            name = self._names.again(topic, group)
            letters = [_letter(name, message, attempt=attempt) for message in messages]
        await self._sender.send(letters)

    def _delayed(
        self, topic: str, group: str, messages: Sequence[Message], delay: float, attempt: int
    ) -> list[Letter]:
        name, due = self._names.later(topic, group), time.time() + delay
        return [
            _letter(name, message, attempt=attempt, due=due, partition=tier(delay))
            for message in messages
        ]


def _letter(
    name: str, message: Message, *, attempt: int = 1, due: float = 0.0, partition: int = -1
) -> Letter:
    headers = codec.headers(message, attempt=attempt, due=due)
    return Letter(name, codec.key(message), message.body, headers, partition)
