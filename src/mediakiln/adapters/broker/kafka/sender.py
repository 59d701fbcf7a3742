"""The producer: everything that leaves this process, acknowledged by all in-sync replicas."""

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from confluent_kafka import KafkaError, Producer
from confluent_kafka import Message as Record

from mediakiln.adapters.broker.kafka.codec import Headers
from mediakiln.adapters.broker.kafka.errors import Health, translated
from mediakiln.adapters.broker.kafka.options import Options
from mediakiln.model.errors import EngineUnavailable

_DOING = "publishing"
_POLL_S = 0.2
_FULL_PAUSE_S = 0.01


@dataclass(frozen=True, slots=True)
class Letter:
    """A record to be: where it goes and what it holds."""

    topic: str
    key: bytes
    value: bytes
    headers: Headers = field(default_factory=list)
    partition: int = -1


class _Batch:
    """How many records of one call are still on their way; what went wrong with them."""

    def __init__(self, count: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._left = count
        self._error: KafkaError | None = None
        self.done: asyncio.Future[KafkaError | None] = self._loop.create_future()

    def landed(self, error: KafkaError | None, _record: Record) -> None:
        """A record's fate; called in the polling thread."""
        self._error = self._error or error
        self._left -= 1
        if not self._left and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        if not self.done.done():
            self.done.set_result(self._error)


class Sender:
    """An idempotent producer and the thread that serves its callbacks, both made when needed."""

    def __init__(self, options: Options, health: Health) -> None:
        self._options = options
        self._health = health
        self._producer: Producer | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    async def send(self, letters: Sequence[Letter]) -> None:
        """Publish; on return every record is acknowledged.

        Raises:
            EngineUnavailable: not all were acknowledged in time; some may be there.
            EngineMisconfigured: Kafka refused them.
        """
        if not letters:
            return
        producer = self._open()
        batch = _Batch(len(letters))
        for letter in letters:
            while not _taken(producer, letter, batch):  # noqa: ASYNC110 - the client tells nobody
                await asyncio.sleep(_FULL_PAUSE_S)  # what is under way must land first
        error = await batch.done
        if error is not None:
            if error.fatal():
                self._producer = None
            raise self._health.explain(translated(error, _DOING), _DOING)
        self._health.clear()

    def _open(self) -> Producer:
        if self._stop.is_set():
            raise EngineUnavailable("this Kafka broker was closed")
        if self._producer is None:
            self._producer = Producer(self._settings())
            self._thread = threading.Thread(
                target=self._serve, args=(self._producer,), name="kafka-producer", daemon=True
            )
            self._thread.start()
        return self._producer

    def _serve(self, producer: Producer) -> None:
        while not self._stop.is_set() and producer is self._producer:
            producer.poll(_POLL_S)
        producer.flush(_POLL_S)

    def _settings(self) -> dict[str, object]:
        return self._options.client() | {
            "acks": "all",
            "enable.idempotence": True,
            "linger.ms": 1,
            "compression.type": "lz4",
            "delivery.timeout.ms": int(self._options.timeout * 1000),
            "request.timeout.ms": int(min(10.0, self._options.timeout) * 1000),
            "partitioner": "murmur2_random",
            "error_cb": self._health.note,
        }

    def stop(self) -> None:
        """Let what is under way land, then end the thread; waits for it."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()


def _taken(producer: Producer, letter: Letter, batch: _Batch) -> bool:
    """Whether the client took the record; not while its queue is full."""
    try:
        producer.produce(
            letter.topic,
            letter.value,
            letter.key,
            letter.partition,
            on_delivery=batch.landed,
            headers=letter.headers,
        )
    except BufferError:
        return False
    return True
