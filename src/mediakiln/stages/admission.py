"""Admission: new uploads wait while the oldest job has waited too long already."""

import asyncio
import time
from collections.abc import Sequence

from mediakiln.model.errors import Overloaded
from mediakiln.ports.broker import Broker

_LOOK_EVERY_S = 10.0
_RETRY_AFTER_S = 30


class Admission:
    """Looks at the age of the queues, at most every few seconds."""

    def __init__(
        self, broker: Broker, queues: Sequence[tuple[str, str]], *, max_age_s: float
    ) -> None:
        self._broker = broker
        self._queues = queues
        self._max_age_s = max_age_s
        self._age_s = 0.0
        self._looked_at = -_LOOK_EVERY_S
        self._looking = asyncio.Lock()

    async def check(self) -> None:
        """Whether another upload may come in.

        Engines that do not know the age of their messages never refuse.

        Raises:
            Overloaded: the oldest waiting message is older than the limit.
        """
        if not self._broker.capabilities.oldest_age:
            return
        async with self._looking:
            now = time.monotonic()
            if now - self._looked_at >= _LOOK_EVERY_S:
                self._age_s = await self._oldest()
                self._looked_at = now
        if self._age_s > self._max_age_s:
            raise Overloaded(
                f"the oldest job has waited {self._age_s:.0f} s",
                limit=self._max_age_s,
                value=round(self._age_s),
                retry_after=_RETRY_AFTER_S,
                hint="try again later; the operator can add workers",
            )

    async def _oldest(self) -> float:
        ages = [(await self._broker.backlog(*queue)).oldest_age_s for queue in self._queues]
        return max((age for age in ages if age is not None), default=0.0)
