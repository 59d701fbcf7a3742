"""One group's work in this process: its member, its commits, and a mover per topic."""

import asyncio

from mediakiln.adapters.broker.kafka.consume.channel import Channel
from mediakiln.adapters.broker.kafka.consume.member import Member
from mediakiln.adapters.broker.kafka.consume.mover import move
from mediakiln.adapters.broker.kafka.names import Names
from mediakiln.adapters.broker.kafka.sender import Sender


class Seat:
    """What `receive` needs of a group."""

    def __init__(self, member: Member, names: Names, sender: Sender) -> None:
        self.member = member
        self._names = names
        self._sender = sender
        self._movers: dict[str, asyncio.Task[None]] = {}

    def channel(self, topic: str) -> Channel:
        """The topic's channel; the first call subscribes to it."""
        channel = self.member.channel(topic)
        if topic not in self._movers:
            mover = move(channel, self._names, self._sender, self.member.commits)
            self._movers[topic] = asyncio.create_task(mover)
        return channel

    async def close(self) -> None:
        """Commit, leave the group, and end what was started."""
        for mover in self._movers.values():
            mover.cancel()
        await asyncio.gather(*self._movers.values(), return_exceptions=True)
        await asyncio.to_thread(self.member.stop)
