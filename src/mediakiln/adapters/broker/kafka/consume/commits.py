"""Commits of one member: as many acks as come meanwhile share each round trip.

The client lets one thread at a time talk to it, and the polling thread hardly ever lets go. So
that thread commits too: it begins a commit between two polls and is told the answer in a later one.
"""

import time
from collections.abc import Sequence
from threading import Lock

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from mediakiln.adapters.broker.kafka.consume.answers import Answers
from mediakiln.adapters.broker.kafka.consume.lane import Lane
from mediakiln.model.errors import EngineUnavailable, LeaseLost

_PATIENCE_S = 10.0


class Commits:
    """One commit at a time; the next takes everything that settled in between."""

    def __init__(self, lock: Lock) -> None:
        self._lock = lock
        self._answers = Answers()
        self._sent: dict[tuple[str, int], Lane] = {}
        self.began = 0.0
        """When the last commit was sent, on the steady clock."""

    @property
    def under_way(self) -> bool:
        """Whether an answer is still to come, after which another commit may be due."""
        return bool(self._sent)

    async def reach(self, lane: Lane, offset: int) -> None:
        """Wait until the finished record is committed, if every one before it is finished too.

        Otherwise the commit follows when those are.

        Raises:
            LeaseLost: the partition went to another process before.
            EngineUnavailable: the commit was not answered in time.
        """
        deadline = time.monotonic() + _PATIENCE_S
        while lane.committed <= offset < lane.settled:
            if lane.lost:
                raise LeaseLost("the partition went to another process", offset=offset)
            if not await self._answers.next(deadline):
                raise EngineUnavailable(f"Kafka did not answer a commit within {_PATIENCE_S:g} s")

    def begin(self, consumer: Consumer, lanes: Sequence[Lane]) -> None:
        """Send what is settled, unless an answer is still to come; the polling thread's part."""
        if self._sent:
            return
        self._sent, offsets = self._progress(lanes)
        if offsets:
            self.began = time.monotonic()
            try:
                consumer.commit(offsets=offsets, asynchronous=True)
            except KafkaException:
                self._sent = {}

    def answered(self, error: KafkaError | None, partitions: Sequence[TopicPartition]) -> None:
        """The client's `on_commit`. What failed is sent again, if it is still ours."""
        sent, self._sent = self._sent, {}
        if error is None:
            self._note(sent, partitions)
        self._answers.come()

    def last(self, consumer: Consumer, lanes: Sequence[Lane]) -> None:
        """Commit before partitions are given up; blocks.

        Raises:
            KafkaException: Kafka did not accept it: whoever is next repeats some records.
        """
        sent, offsets = self._progress(lanes)
        if offsets:
            self._note(sent, consumer.commit(offsets=offsets, asynchronous=False) or ())

    def ring(self) -> None:
        """Wake those who wait for a commit of a partition that is gone."""
        self._answers.come()

    def _progress(
        self, lanes: Sequence[Lane]
    ) -> tuple[dict[tuple[str, int], Lane], list[TopicPartition]]:
        with self._lock:
            ahead = {
                (lane.name, lane.number): lane for lane in lanes if lane.settled > lane.committed
            }
            return ahead, [TopicPartition(*place, lane.settled) for place, lane in ahead.items()]

    @staticmethod
    def _note(sent: dict[tuple[str, int], Lane], partitions: Sequence[TopicPartition]) -> None:
        for answer in partitions:
            lane = sent.get((answer.topic, answer.partition))
            if lane is not None and answer.error is None:
                lane.committed = max(lane.committed, answer.offset)
