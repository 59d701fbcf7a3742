"""Turns: which process sweeps the shelf, and when; known to all that write on it or sweep it."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from pydantic import BaseModel, ConfigDict

from mediakiln.model.clock import Clock, utc_now
from mediakiln.model.errors import MediakilnError, VersionConflict
from mediakiln.ports.catalog import Catalog

log = logging.getLogger(__name__)

SPACE: Final = "derived-sweeps"
_KEY: Final = "shelf"
EVERY: Final = timedelta(minutes=10)
"""How long after a whole sweep the next one is due."""
_MUCH: Final = 10
_TOLD: Final = 100
"""Parts of the shelf: a sweep is due when one of the first was written, told of by the second."""
_AT_MOST: Final = timedelta(minutes=10)
"""After that long, who sweeps is taken for dead; two sweeps at a time do no harm."""
_AGAIN_AFTER: Final = timedelta(seconds=30)
"""How soon a sweep that failed is tried again."""
_TRIES: Final = 10


class Turn(BaseModel):
    """What is known of sweeps."""

    model_config = ConfigDict(frozen=True)

    written: int = 0
    """Bytes that were put on the shelf since the last one began, as far as they are told of."""
    whole_at: datetime | None = None
    """When the last one began that also looked for objects without a record."""
    until: datetime | None = None
    """Until then somebody sweeps, or nobody is to."""


class Turns:
    """Gives out turns: one in ten minutes, and another whenever a tenth of the shelf was written.

    Every process that writes tells how much in steps of a hundredth, so that few writes are added.
    """

    def __init__(self, catalog: Catalog, *, max_bytes: int, clock: Clock = utc_now) -> None:
        self._records = catalog.records(SPACE)
        self._max_bytes = max_bytes
        self._clock = clock
        self._untold = 0

    async def wrote(self, size: int) -> None:
        """Count bytes that were put on the shelf; what cannot be told now is told later."""
        self._untold += size
        if self._untold < self._max_bytes // _TOLD:
            return
        told, self._untold = self._untold, 0
        try:
            changed = await self._change(
                lambda turn: turn.model_copy(update={"written": turn.written + told})
            )
        except MediakilnError as error:
            log.info("how the shelf grows is not told yet: %s", error)
            changed = None
        if changed is None:
            self._untold += told

    async def take(self) -> Turn | None:
        """One's turn to sweep: as things stood before it. None: it is nobody's, or another's.

        Whoever has it says by `end` how it went.
        """
        now = self._clock()

        def taken(turn: Turn) -> Turn | None:
            if turn.until is not None and now < turn.until:
                return None
            if not self.is_whole(turn) and turn.written <= self._max_bytes // _MUCH:
                return None
            whole_at = now if self.is_whole(turn) else turn.whole_at
            return Turn(whole_at=whole_at, until=now + _AT_MOST)

        return await self._change(taken)

    def is_whole(self, turn: Turn) -> bool:
        """Whether a sweep is also to look for objects without a record."""
        return turn.whole_at is None or self._clock() - turn.whole_at >= EVERY

    async def end(self, turn: Turn, *, well: bool) -> None:
        """Give back a turn. One that did not go well will be due again after a while."""

        def ended(now: Turn) -> Turn:
            if well:
                return now.model_copy(update={"until": None})
            return Turn(
                written=now.written + turn.written,
                whole_at=turn.whole_at,
                until=self._clock() + _AGAIN_AFTER,
            )

        await self._change(ended)

    async def _change(self, apply: Callable[[Turn], Turn | None]) -> Turn | None:
        """Change what is known; what it was before. None where nothing is to be changed."""
        for _ in range(_TRIES):
            record = await self._records.get(_KEY)
            turn = Turn() if record is None else Turn.model_validate(record.value)
            changed = apply(turn)
            if changed is None:
                return None
            version = None if record is None else record.version
            try:
                await self._records.put(_KEY, changed.model_dump(mode="json"), expected=version)
            except VersionConflict:
                continue
            return turn
        return None
