"""What one process holds of the SQLite broker's file."""

import os
import time
from collections.abc import Set as AbstractSet
from pathlib import Path

from mediakiln.adapters.broker import sqlite_claim as claims
from mediakiln.adapters.broker.doorbell import Doorbell
from mediakiln.adapters.broker.sqlite_claim import Claim
from mediakiln.adapters.broker.sqlite_watch import Reader, Watch
from mediakiln.adapters.broker.sqlite_writer import Writer
from mediakiln.model.errors import EngineMisconfigured

_inherited: "list[Session]" = []
"""Sessions of a parent process. Closing its SQLite connections here could break its locks
(https://sqlite.org/howtocorrupt.html, 2.6), so they are kept from being collected."""


class Session:
    """A writer, a reader, and whoever waits in this process.

    Raises:
        EngineMisconfigured: the file's folder is missing or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._doorbell = Doorbell(path.with_name(f"{path.name}.bells"))
        except OSError as error:
            raise EngineMisconfigured(
                f"the broker's file {path.name} has no usable folder: {error.strerror}",
                hint=f"the folder {path.parent} must exist and be writable",
            ) from error
        self.pid = os.getpid()
        self.turns: dict[int, str] = {}
        self.group_ids: dict[tuple[str, str], int] = {}
        self.reader = Reader(path)
        # A connection of its own, so that counting a deep backlog delays nobody's waking.
        self._looks = Reader(path)
        self.watch = Watch(self._looks, self._doorbell, claims.stirs)
        self._quiet: dict[int, tuple[tuple[int, int], Claim]] = {}
        self.writer = Writer(path, self._committed)

    def found_quiet(self, group: int, mark: tuple[int, int], claim: Claim) -> None:
        """Remember that a look found nothing, as of a mark of the watch taken before it."""
        self._quiet[group] = mark, claim

    def quiet(self, group: int, mark: tuple[int, int]) -> Claim | None:
        """What that look gave, where nothing happened since and nothing has become due."""
        then, claim = self._quiet.get(group, (None, None))
        if then != mark or claim is None or (claim.due is not None and claim.due <= time.time()):
            return None
        return claim

    def _committed(self, groups: AbstractSet[int]) -> None:
        if groups:
            self.watch.wake(groups)
            self._doorbell.ring(groups)

    def close(self) -> None:
        """Finish what was asked for, wake whoever waits, let go of the file."""
        self.writer.stop()
        self.watch.stop()
        self.reader.close()
        self._looks.close()
        self._doorbell.close()

    def abandon(self) -> None:
        """Let go of what the parent process holds without disturbing it."""
        self._doorbell.abandon()
        _inherited.append(self)
