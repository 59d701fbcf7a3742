"""Admission: new uploads wait while jobs have waited too long, or too many wait already."""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

from mediakiln.model.errors import MediakilnError, Overloaded
from mediakiln.ports.broker import Backlog, Broker

log = logging.getLogger(__name__)

_LOOK_EVERY_S = 10.0
_PATIENCE_S = 2.0
"""How long an upload waits for a look; behind it stands what the look before found."""
_RETRY_AFTER_S = 30


@dataclass(frozen=True, slots=True)
class _Excess:
    """What is beyond its limit."""

    said: str
    limit: float
    value: int


class Admission:
    """Looks at the queues, at most every few seconds.

    While the broker does not answer, what was found before holds: uploads are kept, and their
    messages sent once it is back.

    Args:
        broker: where the queues are.
        queues: topic and group of each.
        max_age_s: how long the oldest message may wait, on engines that know its age.
        max_waiting: how many messages may wait in one queue, on engines that do not. They count
            approximately: on Kafka what is done behind a job that still runs counts as waiting.
    """

    def __init__(
        self,
        broker: Broker,
        queues: Sequence[tuple[str, str]],
        *,
        max_age_s: float,
        max_waiting: int,
    ) -> None:
        self._broker = broker
        self._queues = queues
        self._max_age_s = max_age_s
        self._max_waiting = max_waiting
        self._excess: _Excess | None = None
        self._looked_at = -_LOOK_EVERY_S
        self._look: asyncio.Task[None] | None = None

    async def check(self) -> None:
        """Whether another upload may come in.

        Raises:
            Overloaded: the backlog is beyond the limit.
        """
        now = time.monotonic()
        if self._look is None and now - self._looked_at >= _LOOK_EVERY_S:
            self._look = asyncio.create_task(self._refresh())
        if self._look is not None:
            await asyncio.wait([self._look], timeout=_PATIENCE_S)
        if (excess := self._excess) is not None:
            raise Overloaded(
                excess.said,
                limit=excess.limit,
                value=excess.value,
                retry_after=_RETRY_AFTER_S,
                hint="try again later; the operator can add workers",
            )

    async def _refresh(self) -> None:
        try:
            calls = (self._broker.backlog(*queue) for queue in self._queues)
            self._excess = self._judge(await asyncio.gather(*calls))
        except MediakilnError as error:
            log.warning("the backlog cannot be read: %s", error)
        finally:
            self._looked_at = time.monotonic()
            self._look = None

    def _judge(self, backlogs: Sequence[Backlog]) -> _Excess | None:
        if self._broker.capabilities.oldest_age:
            return self._too_old(backlogs)
        return self._too_many(backlogs)

    def _too_old(self, backlogs: Sequence[Backlog]) -> _Excess | None:
        age = max((each.oldest_age_s or 0.0 for each in backlogs), default=0.0)
        if age <= self._max_age_s:
            return None
        return _Excess(f"the oldest job has waited {age:.0f} s", self._max_age_s, round(age))

    def _too_many(self, backlogs: Sequence[Backlog]) -> _Excess | None:
        waiting = [each.ready + each.delayed for each in backlogs]
        most = max(waiting, default=0)
        if most <= self._max_waiting:
            return None
        topic, _ = self._queues[waiting.index(most)]
        return _Excess(f"{most} messages of {topic} wait", self._max_waiting, most)
