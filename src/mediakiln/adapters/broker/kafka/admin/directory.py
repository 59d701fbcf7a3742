"""Which topics and groups there are: made by `ensure`, looked up by everything else."""

import asyncio
from collections.abc import Mapping, Sequence

from confluent_kafka import KafkaException, TopicPartition

from mediakiln.adapters.broker.kafka.admin import register
from mediakiln.adapters.broker.kafka.admin.register import Line, Register
from mediakiln.adapters.broker.kafka.admin.topics import Topics
from mediakiln.adapters.broker.kafka.errors import Health, translated
from mediakiln.adapters.broker.kafka.names import TIERS_S, Names
from mediakiln.adapters.broker.kafka.options import Options
from mediakiln.adapters.broker.kafka.sender import Letter, Sender
from mediakiln.model.errors import NotFound

Topology = Mapping[str, Sequence[str]]


class Directory:
    """The register of groups as this process last read it."""

    def __init__(self, options: Options, health: Health, topics: Topics, sender: Sender) -> None:
        self._options = options
        self._health = health
        self._names = Names(options.prefix)
        self._topics = topics
        self._sender = sender
        self._register = Register()
        self._refreshing = asyncio.Lock()

    async def ensure(self, topology: Topology) -> None:
        """Make the topics, then register topics and groups that are not there yet."""
        wanted = self._wanted(topology)
        made = await self._topics.make(wanted, await self._topics.counts())
        if self._names.register not in made:
            await self.refresh()
        lines = self._missing(topology)
        if lines:
            await self._append(lines, wanted, made)

    def _wanted(self, topology: Topology) -> dict[str, int]:
        """Every Kafka topic with its partitions; the register comes last, when all are there."""
        count = self._options.partitions
        wanted = {self._names.main(topic): count for topic in topology}
        for topic, groups in topology.items():
            for group in groups:
                wanted[self._names.again(topic, group)] = count
                wanted[self._names.later(topic, group)] = len(TIERS_S)
        return wanted | {self._names.register: 1}

    def _missing(self, topology: Topology) -> list[Line]:
        lines = [Line(topic) for topic in topology if topic not in self._register]
        for topic, groups in topology.items():
            lines += [Line(topic, name) for name in groups if not self.exists(topic, name)]
        return lines

    async def _append(
        self, lines: Sequence[Line], wanted: Mapping[str, int], made: set[str]
    ) -> None:
        main = self._names.main
        old = {line.topic for line in lines if line.group and main(line.topic) not in made}
        places = [(main(topic), n) for topic in old for n in range(wanted[main(topic)])]
        ends = await self._topics.ends([TopicPartition(*place) for place in places])
        letters = []
        for line in lines:
            name = main(line.topic)
            starts = [ends.get((name, n), 0) for n in range(wanted[name])] if line.group else []
            value = Line(line.topic, line.group, starts).encoded()
            letters.append(Letter(self._names.register, b"", value, partition=0))
        await self._sender.send(letters)
        await self.refresh()

    async def refresh(self) -> None:
        """Read the register again.

        Raises:
            EngineUnavailable: Kafka does not answer.
        """
        async with self._refreshing:
            try:
                self._register = await asyncio.to_thread(
                    register.read, self._options, self._health, self._names.register
                )
            except KafkaException as error:
                problem = translated(error, "reading the register of groups")
                raise self._health.explain(problem, "reading the register of groups") from error

    async def find(self, topic: str, group: str | None = None) -> None:
        """Make sure that there are such a topic and group.

        Raises:
            NotFound: there are not.
        """
        if not self.exists(topic, group):
            await self.refresh()
        if topic not in self._register:
            raise NotFound(f"there is no topic {topic!r}", topic=topic)
        if not self.exists(topic, group):
            raise NotFound(f"topic {topic!r} has no group {group!r}", topic=topic, group=group)

    def exists(self, topic: str, group: str | None) -> bool:
        """Whether this process knows them."""
        known = self._register
        return topic in known and (group is None or known.has(topic, group))

    def groups(self, topic: str) -> Sequence[str]:
        """The groups of a topic, as far as this process knows."""
        return self._register.groups(topic)

    def start(self, topic: str, group: str, partition: int) -> int:
        """Where a group begins in a partition of its topic."""
        return self._register.start(topic, group, partition)
