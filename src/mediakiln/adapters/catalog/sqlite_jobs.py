"""Work that event loops hand to SQLite's threads, and how its results come back."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from mediakiln.adapters.catalog.sqlite_connection import translate

Work = Callable[[sa.Connection], Any]
"""What a thread is to do with its connection. A write that raises a `MediakilnError` must not
have written anything yet: its neighbours in the transaction are committed."""


@dataclass(slots=True, eq=False)
class Job:
    """Some work, and the future that waits for its result on an event loop."""

    work: Work
    durable: bool = True
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    future: "asyncio.Future[Any]" = field(init=False)
    result: Any = None
    error: BaseException | None = None

    def __post_init__(self) -> None:
        self.future = self.loop.create_future()

    def settle(self) -> None:
        """Resolve the future, in the loop's own thread, unless its waiter has gone."""
        if self.future.done():
            return
        if self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)


def deliver(jobs: Sequence[Job]) -> None:
    """Wake each event loop once, however many of its jobs are done."""
    for loop in {job.loop for job in jobs}:
        ours = [job for job in jobs if job.loop is loop]
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits any more
            loop.call_soon_threadsafe(_settle, ours)


def _settle(jobs: Sequence[Job]) -> None:
    for job in jobs:
        job.settle()


def explain(error: Exception, path: Path) -> Exception:
    """The error as a caller should see it."""
    return translate(error, path) or error
